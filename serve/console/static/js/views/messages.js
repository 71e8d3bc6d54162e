// The messages of a session, for diagnosis: read when they are asked for.

import { el } from "../dom.js";
import { Entries } from "../entries.js";
import { bytes, duration, words } from "../format.js";
import { payload } from "../payload.js";

const DIRECTIONS = { inbound: "← from the agent", outbound: "→ to the agent" };

export function messagesPanel(sessionId, signal) {
  const entries = new Entries({
    what: "the messages",
    path: "/api/v1/messages",
    params: { sessionId },
    entry: messageEntry,
    none: ["No message yet", "Prompts, answers and updates appear here."],
    signal,
  });
  const opened = el("details", {}, el("summary", {}, "Show the messages"), entries.node);
  opened.addEventListener("toggle", () => opened.open && entries.refresh());
  const node = el("section", { class: "panel", "aria-label": "Messages" }, el("header", {}, el("h2", {}, "Messages")), el("div", { class: "inside" }, opened));
  return { node, refresh: () => opened.open && entries.refresh() };
}

function messageEntry(item) {
  const took = item.processingTime == null ? "" : `, ${duration(item.processingTime)}`;
  return {
    key: item.id,
    at: item.timestamp,
    mark: DIRECTIONS[item.direction] ?? item.direction,
    said: [`${words(item.messageType)}, ${bytes(item.size)}${took}`, item.error ? el("span", { class: "error" }, ` ${item.error}`) : ""],
    more: payload("Payload", item.payload, item.payloadRef),
  };
}
