// What auditors read: connections, rollbacks, migrations, automations; and the audit trail as a file.

import { get } from "../api.js";
import { el } from "../dom.js";
import { choice, form, input } from "../forms.js";
import { address } from "../router.js";
import { empty, Region } from "../states.js";
import { Pager, Table } from "../table.js";
import { debounced } from "../timing.js";
import { exportPanel } from "./export.js";
import { KINDS } from "./record_kinds.js";

const PAGE = 50;
const SETTLE_MS = 2_000;

export function records({ app, parts, params, signal }) {
  const kind = KINDS.find((one) => one.name === parts[1]) ?? KINDS[0];
  const path = `/api/v1/${kind.name}`;
  const table = new Table({ caption: kind.text, columns: kind.columns, key: kind.key });
  const pager = new Pager(() => region.refresh());
  pager.node.hidden = true;
  const region = new Region(kind.text.toLowerCase(), signal, {
    read: () => get(path, { params: { ...params, limit: PAGE, cursor: pager.cursor }, signal }),
    show: (page) => {
      table.show(page.items);
      pager.shown(page.items.length, page.nextCursor);
      if (!page.items.length) return empty(`No ${kind.text.toLowerCase()}`, "There are none, or none that match the filter.");
      return table.node.isConnected ? undefined : table.node;
    },
  });
  region.refresh();
  const soon = debounced(region.refresh, SETTLE_MS, signal);
  app.live.addEventListener("event", ({ detail }) => /^(connection|protocol):/.test(detail.event) && soon(), { signal });
  app.live.addEventListener("gap", soon, { signal });
  const node = el(
    "div",
    { class: "stack" },
    el("div", { class: "head" }, el("h1", {}, "Records"), chooser(kind, params)),
    el("section", { class: "panel", "aria-label": kind.text }, region.node, pager.node),
    app.may("audit-export") ? exportPanel() : null,
  );
  return { title: kind.text, node };
}

function chooser(kind, params) {
  const go = (said) => {
    location.hash = address(["records", said.kind], said.workspaceId ? { workspaceId: said.workspaceId } : {});
  };
  const node = form(
    { class: "filters", role: "search", "aria-label": "Choose records" },
    go,
    choice("Kind", "kind", KINDS.map((one) => [one.name, one.text]), kind.name),
    input("Workspace", { name: "workspaceId", value: params.workspaceId ?? "", placeholder: "all" }),
    el("button", {}, "Apply"),
  );
  node.querySelector("select").addEventListener("change", () => node.requestSubmit());
  return node;
}
