// What the system told the users of a session.

import { badge } from "../badges.js";
import { el } from "../dom.js";
import { Entries } from "../entries.js";
import { payload } from "../payload.js";

export function transcriptPanel(path, signal) {
  const entries = new Entries({
    what: "the transcript",
    path: `${path}/transcript`,
    entry: transcriptEntry,
    none: ["Nothing was told", "Toasts, rollbacks and what automation did appear here."],
    signal,
  });
  const node = el("section", { class: "panel", "aria-label": "Transcript" }, el("header", {}, el("h2", {}, "Transcript")), entries.node);
  return { node, refresh: entries.refresh };
}

/** A transcript's entry as it is listed. */
export function transcriptEntry(item) {
  return {
    key: item.entryId,
    at: item.timestamp,
    mark: badge(item.eventType),
    said: item.message,
    more: payload("Context", item.context, item.contextRef),
  };
}
