// The audit trail as a file, whose every line proves the one before it.

import { withParams } from "../api.js";
import { el } from "../dom.js";
import { choice, form, input } from "../forms.js";

const FORMATS = [
  ["ndjson", "NDJSON"],
  ["csv", "CSV"],
];

export function exportPanel() {
  const node = form(
    { class: "filters" },
    download,
    input("From (local time)", { name: "from", type: "datetime-local" }),
    input("To", { name: "to", type: "datetime-local" }),
    choice("Format", "format", FORMATS, "ndjson"),
    el("button", {}, "Download"),
  );
  return el(
    "section",
    { class: "panel", "aria-label": "Audit export" },
    el("header", {}, el("h2", {}, "Audit export"), el("span", { class: "soft" }, "Check it with ", el("code", {}, "lumilink verify --audit FILE"))),
    el("div", { class: "inside" }, node),
  );
}

function download({ from, to, format }) {
  const params = { format, from: utc(from), to: utc(to) };
  const link = el("a", { href: withParams("/api/v1/audit/export", params), download: `audit.${format}` });
  document.body.append(link);
  link.click();
  link.remove();
}

function utc(local) {
  return local ? new Date(local).toISOString() : "";
}
