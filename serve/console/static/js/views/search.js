// Full-text search in the transcripts of all sessions.

import { el } from "../dom.js";
import { Entries } from "../entries.js";
import { form, input } from "../forms.js";
import { highlighted } from "../highlight.js";
import { address, remember } from "../router.js";
import { empty } from "../states.js";
import { transcriptEntry } from "./transcript.js";

export function search({ params, signal }) {
  let asked = params.q ?? "";
  const found = el("div", {});
  const entries = new Entries({
    what: "what was found",
    path: "/api/v1/transcripts",
    entry: (item) => foundEntry(item, asked),
    none: ["Nothing found", "Try fewer words, or whole ones: the search compares words."],
    signal,
  });
  const run = ({ q }) => {
    asked = q;
    remember(["search"], { q });
    if (!q) {
      found.replaceChildren(empty("Search in transcripts", "Words of a toast, of a rollback, or of what automation said."));
      return;
    }
    found.replaceChildren(entries.node);
    entries.select({ q });
  };
  const searching = form(
    { class: "filters", role: "search", "aria-label": "Search in transcripts" },
    run,
    input("Words", { name: "q", type: "search", value: asked, maxlength: 200, autofocus: true }),
    el("button", { class: "primary" }, "Search"),
  );
  run({ q: asked });
  const node = el(
    "div",
    {},
    el("div", { class: "head" }, el("h1", {}, "Search"), searching),
    el("section", { class: "panel", "aria-label": "Found", "aria-live": "polite" }, found),
  );
  return { title: "Search", node };
}

function foundEntry(item, asked) {
  const entry = transcriptEntry(item);
  const link = el("a", { class: "id", href: address(["sessions", item.sessionId]) }, item.sessionId);
  return { ...entry, said: highlighted(item.message, asked), more: [link, entry.more].filter(Boolean) };
}
