// The figures of a summary: a strip of the most telling ones, and ACP beside HTTP.

import { el } from "../dom.js";
import { count, duration, percent, plural } from "../format.js";

const WANTED_RATE = 0.99;

/** The strip. */
export function figures(summary) {
  const { sessions = {}, protocolMix = {}, automation = {} } = summary;
  return el(
    "dl",
    { class: "figures" },
    figure("Live sessions", count(sessions.live), `${count(sessions.total)} in this time`),
    figure("Carried by ACP", percent(shareOf(protocolMix), 0), `${count(protocolMix.acp)} ACP, ${count(protocolMix.http)} HTTP`),
    figure("Connection stability", percent(summary.connectionStability), "sessions without a break"),
    figure("Success rate", percent(summary.successRate), `of turns, wanted ${percent(WANTED_RATE, 0)}`, isBelow(summary.successRate)),
    figure("Fallbacks", count(summary.fallbacks), `${percent(summary.fallbackFrequency)} of sessions`),
    figure("Adoption", percent(summary.adoption, 0), "workspaces that use ACP"),
    figure("Automation", count(automation.success), `${count(automation.skipped)} skipped, ${plural(automation.error ?? 0, "error")}`),
  );
}

/** What ACP gains, as a table. */
export function comparison({ latencyP95Ms = {}, throughputPerMin = {}, protocolMix = {} }) {
  return el(
    "section",
    { class: "panel", "aria-label": "ACP beside HTTP" },
    el("header", {}, el("h2", {}, "ACP beside HTTP")),
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        {},
        el("caption", {}, "Latency, throughput and sessions by protocol"),
        el("thead", {}, el("tr", {}, ["", "ACP", "HTTP", "Difference"].map((text, at) => el("th", { scope: "col", class: at && "number" }, text || "Figure")))),
        el(
          "tbody",
          {},
          row("Latency of an operation, p95", duration, latencyP95Ms),
          row("Operations a minute", (value) => (value == null ? count(value) : value.toFixed(1)), throughputPerMin),
          row("Sessions", count, protocolMix, { compared: false }),
        ),
      ),
    ),
  );
}

/** One of them: its name, its value, and what stands below. */
export function figure(name, value, note, isBad = false) {
  return el("div", {}, el("dt", {}, name), el("dd", { class: `value ${isBad ? "bad" : ""}`.trim() }, value), el("dd", { class: "note" }, note));
}

function isBelow(rate) {
  return rate !== null && rate !== undefined && rate < WANTED_RATE;
}

function shareOf({ acp = 0, http = 0 }) {
  return acp + http ? acp / (acp + http) : null;
}

function row(name, format, { acp, http }, { compared = true } = {}) {
  const difference = compared && acp != null && http ? `${acp < http ? "−" : "+"}${percent(Math.abs(acp / http - 1), 0)}` : "";
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, name),
    el("td", { class: "number" }, format(acp)),
    el("td", { class: "number" }, format(http)),
    el("td", { class: "number" }, difference),
  );
}
