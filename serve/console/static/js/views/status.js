// How a session fares now: its turn, how far that is, how long it may take, what it used.

import { get } from "../api.js";
import { badge } from "../badges.js";
import { el } from "../dom.js";
import { count, duration, UNKNOWN } from "../format.js";
import { Region } from "../states.js";
import { nowAndThen } from "../timing.js";

const EVERY_MS = 3_000;

export function statusPanel(path, signal) {
  const region = new Region("the status", signal, { read: () => get(`${path}/status`, { signal }), show: facts });
  nowAndThen(region.refresh, EVERY_MS, signal);
  const node = el(
    "section",
    { class: "panel", "aria-label": "Now" },
    el("header", {}, el("h2", {}, "Now")),
    el("div", { class: "inside" }, region.node),
  );
  return { node, refresh: region.refresh };
}

function facts({ turn, progress, estimate, usage, connection }) {
  return el(
    "dl",
    { class: "facts" },
    fact("Turn", [badge(turn.state), turn.number ? ` ${count(turn.number)}` : null]),
    turn.elapsedMs === undefined ? null : fact("Runs for", duration(turn.elapsedMs)),
    progress ? fact("Progress", progressText(progress)) : null,
    estimate ? fact("To go, by earlier turns", estimateText(estimate)) : null,
    usage ? fact("Tokens and cost", usageText(usage)) : null,
    connection.lastHeardMs === undefined ? null : fact("Agent last heard", `${duration(connection.lastHeardMs)} ago`),
  );
}

function progressText({ completed, total, current, toolCalls }) {
  const said = [
    total ? `${count(completed)} of ${count(total)} steps` : null,
    toolCalls ? `tool calls: ${count(toolCalls.done)} done, ${count(toolCalls.running)} running` : null,
    current,
  ];
  return said.filter(Boolean).join("; ");
}

function estimateText({ remainingMs, lowMs, highMs, basis }) {
  return `about ${duration(remainingMs)} (${duration(lowMs)} to ${duration(highMs)}; ${count(basis)} turns)`;
}

function usageText({ inputTokens, outputTokens, contextUsed, contextSize, cost }) {
  const said = [
    inputTokens === undefined ? null : `${count(inputTokens)} in, ${count(outputTokens)} out`,
    contextUsed === undefined ? null : `context ${count(contextUsed)} of ${count(contextSize)}`,
    cost ? `${cost.amount.toFixed(2)} ${cost.currency}` : null,
  ];
  return said.filter(Boolean).join("; ") || UNKNOWN;
}

function fact(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}
