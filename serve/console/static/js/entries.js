// Entries in order of time, newest first: new ones come on top, older ones when they are asked for.

import { get } from "./api.js";
import { arrange, button, el, fill } from "./dom.js";
import { clock, day } from "./format.js";
import { empty, Region } from "./states.js";

const PAGE = 50;

/**
 * The entries at `path`. `entry(item)` is {key, at, mark, said, more}: its name, its moment, and nodes.
 * `refresh` reads the newest; what has been read stays.
 */
export class Entries {
  constructor({ what, path, params = {}, entry, none, signal }) {
    this._path = path;
    this._params = params;
    this._entry = entry;
    this._none = none;
    this._signal = signal;
    this._known = new Map();
    this._days = new Map();
    this._older = null;
    this._list = el("ol", { class: "entries" });
    this._olderButton = button("Show older", () => this._readOlder());
    this._foot = el("div", { class: "pager", hidden: true }, this._olderButton);
    this._region = new Region(what, signal, { read: () => this._readNewest(), show: (found) => this._show(found) });
    this.node = el("div", {}, this._region.node, this._foot);
    this.refresh = this._region.refresh;
  }

  /** Show what other parameters select. */
  select(params) {
    this._params = params;
    this._known.clear();
    this._older = null;
    return this.refresh();
  }

  _read(cursor = "") {
    return get(this._path, { params: { limit: PAGE, order: "desc", cursor, ...this._params }, signal: this._signal });
  }

  async _readNewest() {
    const params = this._params;
    return { params, page: await this._read() };
  }

  _show({ params, page }) {
    // Something else was selected while this was on its way, and is read next.
    if (params !== this._params) return undefined;
    const found = page.items.map((item) => this._placed(item));
    const follows = found.some(([key]) => this._known.has(key));
    // If nothing of what is known is near, it is the first reading, or more has come than a page holds.
    if (!follows) this._older = page.nextCursor;
    const rest = follows ? [...this._known].filter(([key]) => !found.some(([other]) => key === other)) : [];
    this._known = new Map([...found, ...rest]);
    return this._draw();
  }

  /** The entry of an item, by its key. One that says what it said stays the element that it is, open or closed. */
  _placed(item) {
    const text = JSON.stringify(item);
    const made = this._entry(item);
    const known = this._known.get(made.key);
    return [made.key, known?.text === text ? known : { ...made, text, node: drawn(made) }];
  }

  async _readOlder() {
    const params = this._params;
    this._olderButton.disabled = true;
    try {
      const page = await this._read(this._older);
      if (params !== this._params) return;
      for (const [key, entry] of page.items.map((item) => this._placed(item))) this._known.set(key, entry);
      this._older = page.nextCursor;
      fill(this._olderButton, "Show older");
      this._draw();
    } catch (error) {
      if (!this._signal.aborted) fill(this._olderButton, `${error.message} Try again`);
    } finally {
      this._olderButton.disabled = false;
    }
  }

  _draw() {
    this._foot.hidden = !this._older;
    if (!this._known.size) return empty(...this._none);
    const sorted = [...this._known.values()].sort((one, other) => (one.at < other.at ? 1 : one.at > other.at ? -1 : 0));
    arrange(this._list, this._withDays(sorted));
    return this._list.isConnected ? undefined : this._list;
  }

  _withDays(entries) {
    let last = day(Date.now());
    return entries.flatMap((entry) => {
      const today = day(entry.at);
      if (today === last) return [entry.node];
      last = today;
      if (!this._days.has(today)) this._days.set(today, el("li", { class: "day" }, today));
      return [this._days.get(today), entry.node];
    });
  }
}

function drawn({ at, mark, said, more }) {
  return el(
    "li",
    {},
    el("time", { datetime: at, title: at, class: "soft" }, clock(at)),
    el("span", {}, mark),
    el("div", { class: "said" }, said),
    more ? el("div", { class: "more" }, more) : null,
  );
}
