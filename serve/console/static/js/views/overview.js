// How things are: the figures, how they went, where there is room, what is wrong.

import { get } from "../api.js";
import { button, el, fill } from "../dom.js";
import { remember } from "../router.js";
import { Region } from "../states.js";
import { debounced, nowAndThen } from "../timing.js";
import { alertsPanel } from "./alerts.js";
import { capacityPanel } from "./capacity.js";
import { comparison, figures } from "./figures.js";
import { serviceLevelsPanel } from "./service_levels.js";
import { trends } from "./trends.js";

const RANGES = [
  { text: "15 min", seconds: 900 },
  { text: "1 hour", seconds: 3_600 },
  { text: "24 hours", seconds: 86_400 },
  { text: "7 days", seconds: 604_800 },
];
const SETTLE_MS = 2_000;
const EVERY_MS = 30_000;

export function overview({ app, params, signal }) {
  let range = RANGES.find((one) => String(one.seconds) === params.seconds) ?? RANGES[1];
  const parts = { strip: el("div"), trends: trends(signal), versus: el("div") };
  const whole = el("div", { class: "stack" }, parts.strip, parts.trends.node);
  const summary = new Region("the figures", signal, {
    read: () => get("/api/v1/summary", { params: windowOf(range), signal }),
    show: (found) => {
      fill(parts.strip, figures(found));
      fill(parts.versus, comparison(found));
      // Plotly measures what it draws into, so that has to stand in the page first.
      queueMicrotask(() => parts.trends.show(found.series ?? [], [found.window.from, found.window.to]));
      return whole.isConnected ? undefined : whole;
    },
  });
  const choose = (chosen) => {
    range = chosen;
    remember([], { seconds: chosen.seconds });
    summary.refresh();
  };
  const maySeeRecords = app.may("records-read");
  if (maySeeRecords) {
    summary.refresh();
    const soon = debounced(summary.refresh, SETTLE_MS, signal);
    app.live.addEventListener("event", soon, { signal });
    app.live.addEventListener("gap", soon, { signal });
    nowAndThen(summary.refresh, EVERY_MS, signal);
  }
  const node = el(
    "div",
    { class: "stack" },
    el("div", { class: "head" }, el("h1", {}, "Overview"), maySeeRecords ? ranges(range, choose) : null),
    maySeeRecords ? summary.node : null,
    el(
      "div",
      { class: "columns two" },
      app.may("topology-read") ? capacityPanel({ app, signal }) : null,
      el(
        "div",
        { class: "stack" },
        alertsPanel({ app, signal }),
        maySeeRecords ? serviceLevelsPanel({ signal }) : null,
        maySeeRecords ? parts.versus : null,
      ),
    ),
  );
  return { title: "Overview", node };
}

function ranges(chosen, choose) {
  const group = el("div", { class: "choices", role: "group", "aria-label": "Time shown" });
  const buttons = RANGES.map((range) =>
    button(range.text, () => press(range), { "aria-pressed": String(range === chosen) }),
  );
  function press(range) {
    buttons.forEach((one, at) => one.setAttribute("aria-pressed", String(RANGES[at] === range)));
    choose(range);
  }
  return fill(group, buttons);
}

function windowOf({ seconds }) {
  // Whole minutes: who asks again within one gets the answer that is known already.
  const to = Math.ceil(Date.now() / 60_000) * 60_000;
  return { from: new Date(to - seconds * 1000).toISOString(), to: new Date(to).toISOString() };
}
