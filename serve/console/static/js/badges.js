// States and protocols as small marks. The colour only underlines what the word says.

import { el } from "./dom.js";
import { protocolName, words } from "./format.js";

const TONES = {
  // connections and sessions
  connecting: "info",
  connected: "ok",
  degraded: "warn",
  error: "bad",
  reconnecting: "warn",
  "rolled-back": "warn",
  working: "info",
  // workers
  alive: "ok",
  silent: "bad",
  draining: "warn",
  retiring: "warn",
  starting: "info",
  // what came of something
  succeeded: "ok",
  success: "ok",
  failed: "bad",
  skipped: "warn",
  "in-progress": "info",
  // how bad it is
  info: "info",
  warning: "warn",
  critical: "bad",
  resolved: "ok",
  // where a workspace stands
  acp: "ok",
  "half-open": "info",
  "pinned-http": "warn",
  moving: "info",
  // what is told of
  automation: "info",
  rollback: "warn",
  fallback: "warn",
};

/** A mark for a state; one that is not known is grey. */
export function badge(state, text = words(state)) {
  return el("span", { class: `badge ${TONES[state] ?? ""}`.trim() }, text);
}

/** A protocol: a round mark for ACP, a square one for HTTP. */
export function protocol(name) {
  return el("span", { class: name ? `protocol ${name === "http" ? "http" : ""}`.trim() : "soft" }, protocolName(name));
}
