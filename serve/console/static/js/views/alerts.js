// What is running short.

import { get } from "../api.js";
import { badge } from "../badges.js";
import { el, fill } from "../dom.js";
import { count, moment, percent, plural, words } from "../format.js";
import { empty, Region } from "../states.js";
import { Table } from "../table.js";
import { debounced, nowAndThen } from "../timing.js";

const SETTLE_MS = 300;
const EVERY_MS = 60_000;

export function alertsPanel({ app, signal }) {
  const said = el("span", { class: "soft", role: "status" });
  const table = new Table({ caption: "Open alerts", columns: COLUMNS, key: (alert) => alert.alertId });
  const region = new Region("the alerts", signal, {
    read: () => get("/api/v1/capacity/alerts", { params: { state: "open" }, signal }),
    show: ({ alerts }) => {
      fill(said, alerts.length ? plural(alerts.length, "open alert") : "");
      table.show(alerts);
      if (!alerts.length) return empty("No open alert", "Nothing is running short.");
      return table.node.isConnected ? undefined : table.node;
    },
  });
  region.refresh();
  const soon = debounced(region.refresh, SETTLE_MS, signal);
  app.live.addEventListener("event", ({ detail }) => detail.event.startsWith("capacity-alert:") && soon(), { signal });
  app.live.addEventListener("gap", soon, { signal });
  nowAndThen(region.refresh, EVERY_MS, signal);
  return el("section", { class: "panel", "aria-label": "Alerts" }, el("header", {}, el("h2", {}, "Open alerts"), said), region.node);
}

// `cluster`, `worker:ID` or `installation:ID`.
function placeOf(scope) {
  if (scope === "cluster") return "all workers";
  return scope.startsWith("worker:") ? scope.slice("worker:".length) : scope.replace(":", " ");
}

const COLUMNS = [
  { label: "Severity", isHead: true, cell: (alert) => badge(alert.trigger) },
  { label: "What", cell: (alert) => `${words(alert.cause)}, ${placeOf(alert.scope)}` },
  { label: "Level", class: "number", cell: (alert) => `${percent(alert.capacityPercent, 0)} (${count(alert.activeConnections)})` },
  { label: "Since", cell: (alert) => moment(alert.timestamp) },
  { label: "Told by", class: "wide-only", cell: (alert) => alert.notificationChannels.join(", ") || "nobody" },
];
