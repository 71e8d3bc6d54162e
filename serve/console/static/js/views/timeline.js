// What happened in a session, in order: connections, turns, fallbacks, automation, and why.

import { badge } from "../badges.js";
import { el } from "../dom.js";
import { Entries } from "../entries.js";
import { words } from "../format.js";
import { payload } from "../payload.js";

export function timelinePanel(path, signal) {
  const entries = new Entries({
    what: "the timeline",
    path: `${path}/timeline`,
    entry: timelineEntry,
    none: ["Nothing has happened yet", "Turns, questions and changes of the connection appear here."],
    signal,
  });
  const node = el("section", { class: "panel", "aria-label": "Timeline" }, el("header", {}, el("h2", {}, "Timeline")), entries.node);
  return { node, refresh: entries.refresh };
}

// A rollback or a migration may be under way; what came of anything else, its title says.
function reasonOf({ kind, outcome, reason }) {
  if (kind !== "rollback" && kind !== "migration") return reason;
  return [words(outcome), reason].filter(Boolean).join("; ");
}

function timelineEntry(item) {
  return {
    key: item.id,
    at: item.at,
    mark: badge(item.outcome ?? item.kind, words(item.kind)),
    said: item.title,
    more: [reasonOf(item), payload("Details", item.details)].filter(Boolean),
  };
}
