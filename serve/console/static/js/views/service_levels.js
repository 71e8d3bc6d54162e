// What the installation got this month, beside what it is to get.

import { get } from "../api.js";
import { el } from "../dom.js";
import { count, duration, percent, plural } from "../format.js";
import { empty, Region } from "../states.js";
import { nowAndThen } from "../timing.js";
import { figure } from "./figures.js";

const EVERY_MS = 300_000;

export function serviceLevelsPanel({ signal }) {
  const region = new Region("the service levels", signal, {
    read: () => get("/api/v1/service-levels", { signal }),
    show: (found) => (found.isMet === null ? empty("Nothing yet", "No session was used this month.") : levels(found)),
  });
  region.refresh();
  nowAndThen(region.refresh, EVERY_MS, signal);
  return el("section", { class: "panel", "aria-label": "Service levels" }, el("header", {}, el("h2", {}, "This month")), region.node);
}

function levels({ all, target, isMet, budgetLeftMs, latencyP95Ms }) {
  const left = budgetLeftMs < 0 ? `missed by ${duration(-budgetLeftMs)}` : `${duration(budgetLeftMs)} may still be lost`;
  return el(
    "dl",
    { class: "figures" },
    figure("Availability", percent(all.availability, 3), `wanted ${percent(target)}, ${left}`, !isMet),
    figure("Success rate", percent(all.successRate), `of ${plural(all.turns, "turn")}, ${count(all.failedTurns)} failed`),
    figure("Length of a turn", duration(all.meanTurnMs), "mean"),
    figure("Latency, p95", duration(latencyP95Ms.acp), `of an operation over ACP; HTTP ${duration(latencyP95Ms.http)}`),
  );
}
