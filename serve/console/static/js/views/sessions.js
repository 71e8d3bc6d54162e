// The sessions, a page at a time. Events change the rows that they concern; new ones wait to be asked for.

import { get } from "../api.js";
import { badge, protocol } from "../badges.js";
import { connectionsOf } from "../connections.js";
import { button, el, fill } from "../dom.js";
import { choice, form, input } from "../forms.js";
import { moment, plural } from "../format.js";
import { stateOf } from "../live_states.js";
import { address, remember } from "../router.js";
import { empty, Region } from "../states.js";
import { Pager, Table } from "../table.js";
import { batched, nowAndThen } from "../timing.js";

const PAGE = 50;
const EVERY_MS = 30_000;
const SORTS = [
  ["createdAt", "Newest first"],
  ["updatedAt", "Last changed first"],
];
const STAGES = [
  ["true", "Open"],
  ["false", "Ended"],
  ["", "All"],
];
const PROTOCOLS = [
  ["", "All"],
  ["acp", "ACP"],
  ["http", "HTTP"],
];

export function sessions({ app, params, signal }) {
  const list = new SessionList(app, params, signal);
  const node = el(
    "div",
    {},
    el("div", { class: "head" }, el("h1", {}, "Sessions"), list.filters),
    el("section", { class: "panel", "aria-label": "Sessions" }, list.news, list.region.node, list.pager.node),
  );
  list.start();
  return { title: "Sessions", node };
}

class SessionList {
  constructor(app, params, signal) {
    this._app = app;
    this._signal = signal;
    this._asked = { live: "true", sort: "createdAt", ...params };
    this._unseen = new Set();
    this.pager = new Pager(() => this.region.refresh());
    this.pager.node.hidden = true;
    this.table = new Table({ caption: "Sessions", columns: COLUMNS, key: (row) => row.sessionId });
    this.news = el("div", { class: "stale", role: "status", hidden: true });
    this.filters = this._filters();
    this.region = new Region("the sessions", signal, { read: () => this._read(), show: (found) => this._show(found) });
  }

  start() {
    this.region.refresh();
    const take = batched((events) => events.forEach((event) => this._note(event)), this._signal);
    this._app.live.addEventListener("event", ({ detail }) => take(detail), { signal: this._signal });
    this._app.live.addEventListener("gap", this.region.refresh, { signal: this._signal });
    nowAndThen(this.region.refresh, EVERY_MS, this._signal);
  }

  async _read() {
    const params = { limit: PAGE, cursor: this.pager.cursor, order: "desc", ...this._asked };
    const page = await get("/api/v1/sessions", { params, signal: this._signal });
    return { page, connections: await connectionsOf(page.items, this._signal) };
  }

  _show({ page, connections }) {
    this._unseen.clear();
    this._showNews();
    const rows = page.items.map((session) => {
      const state = stateOf(session, connections.get(session.acpConnectionId), this._app.states.of(session.sessionId));
      return { ...session, state };
    });
    this.table.show(rows);
    this.pager.shown(rows.length, page.nextCursor);
    if (!rows.length) return this._empty();
    return this.table.node.isConnected ? undefined : this.table.node;
  }

  _note({ event, data }) {
    const id = data?.sessionId;
    if (!id) return;
    if (this.table.has(id)) {
      const row = this.table.row(id);
      this.table.patch(id, { state: stateOf(row, null, { status: row.state, ...this._app.states.of(id) }) });
    } else if (event === "session:opened" && this.pager.isFirst) {
      this._unseen.add(id);
      this._showNews();
    }
  }

  _showNews() {
    this.news.hidden = !this._unseen.size;
    if (this.news.hidden) return;
    fill(this.news, `${plural(this._unseen.size, "session")} opened since. `, button("Show", this.region.refresh, { class: "quiet" }));
  }

  _filters() {
    const changed = (said) => {
      this._asked = said;
      remember(["sessions"], said);
      this.pager.reset();
      this.region.refresh();
    };
    const node = form(
      { class: "filters", role: "search", "aria-label": "Filter sessions" },
      changed,
      input("Workspace", { name: "workspaceId", value: this._asked.workspaceId ?? "", placeholder: "all" }),
      choice("Show", "live", STAGES, this._asked.live),
      choice("Protocol", "protocolType", PROTOCOLS, this._asked.protocolType ?? ""),
      choice("Order", "sort", SORTS, this._asked.sort),
      el("button", {}, "Apply"),
    );
    for (const select of node.querySelectorAll("select")) select.addEventListener("change", () => node.requestSubmit());
    return node;
  }

  _empty() {
    const isFiltered = this._asked.workspaceId || this._asked.protocolType || this._asked.live === "false";
    return isFiltered
      ? empty("No session matches", "Take a filter away to see more.")
      : empty("No session yet", "Connect an editor or agent client to /acp, or try: lumilink chat.");
  }
}

const COLUMNS = [
  { label: "Session", isHead: true, cell: (row) => el("a", { class: "id cut", href: address(["sessions", row.sessionId]), title: row.sessionId }, row.sessionId) },
  { label: "State", cell: (row) => badge(row.state) },
  { label: "Protocol", cell: (row) => protocol(row.protocolType) },
  { label: "Workspace", class: "wide-only", cell: (row) => el("a", { class: "cut", href: address(["protocol", row.workspaceId]), title: row.workspaceId }, row.workspaceId) },
  { label: "Container", class: "wide-only", cell: (row) => el("span", { class: "cut", title: row.containerId }, row.containerId) },
  { label: "Falls back", class: "wide-only", cell: (row) => (row.fallbackEnabled ? "yes" : "no") },
  { label: "Changed", cell: (row) => moment(row.updatedAt) },
  { label: "Opened", class: "wide-only", cell: (row) => moment(row.createdAt) },
];
