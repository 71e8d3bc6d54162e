// Which worker has room.

import { get } from "../api.js";
import { badge } from "../badges.js";
import { el, fill } from "../dom.js";
import { bytes, count, percent, plural } from "../format.js";
import { empty, Region } from "../states.js";
import { Table } from "../table.js";
import { debounced, nowAndThen } from "../timing.js";

const SETTLE_MS = 1_000;
const EVERY_MS = 15_000;
const WARNING = 0.85;
const CRITICAL = 0.95;

export function capacityPanel({ app, signal }) {
  const said = el("span", { class: "soft" });
  const table = new Table({ caption: "Workers and their room", columns: COLUMNS, key: (worker) => worker.workerId });
  const region = new Region("the workers", signal, {
    read: () => get("/api/v1/topology", { signal }),
    show: ({ workers }) => {
      fill(said, total(workers));
      if (!workers.length) return empty("No worker", "The gateway starts some, or a node is missing: see lumilink status.");
      table.show(workers);
      return table.node.isConnected ? undefined : table.node;
    },
  });
  region.refresh();
  const soon = debounced(region.refresh, SETTLE_MS, signal);
  app.live.addEventListener("event", ({ detail }) => /^(worker|session):/.test(detail.event) && soon(), { signal });
  app.live.addEventListener("gap", soon, { signal });
  nowAndThen(region.refresh, EVERY_MS, signal);
  return el("section", { class: "panel", "aria-label": "Capacity" }, el("header", {}, el("h2", {}, "Capacity by worker"), said), region.node);
}

const COLUMNS = [
  { label: "Worker", isHead: true, cell: (worker) => worker.workerId },
  { label: "State", cell: (worker) => badge(worker.state) },
  { label: "Sessions", cell: fullness },
  { label: "Promised", class: "number wide-only", cell: (worker) => count(worker.reserved) },
  { label: "Memory", class: "number wide-only", cell: (worker) => bytes(worker.rssBytes) },
];

function fullness({ sessions, reserved = 0, capacity }) {
  const share = capacity ? (sessions + reserved) / capacity : 0;
  const tone = share >= CRITICAL ? "bad" : share >= WARNING ? "warn" : "";
  const bar = el("span");
  // By way of the style object: an attribute would be an inline style, which the page forbids.
  bar.style.width = `${Math.min(100, share * 100)}%`;
  return el("span", { class: "moment" }, el("span", { class: `fill ${tone}`.trim(), "aria-hidden": "true" }, bar), `${count(sessions)} of ${count(capacity)}`);
}

function total(workers) {
  const sessions = workers.reduce((sum, worker) => sum + worker.sessions, 0);
  const capacity = workers.reduce((sum, worker) => sum + worker.capacity, 0);
  return capacity ? `${plural(sessions, "session")}, ${percent(sessions / capacity, 0)} of ${count(capacity)} places` : "";
}
