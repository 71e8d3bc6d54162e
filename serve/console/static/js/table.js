// Tables whose rows stay what they are: an event changes the cells of its row and touches no other.

import { arrange, button, el, fill } from "./dom.js";
import { count } from "./format.js";

/**
 * `columns`: {label, cell(row) → node or text, class?, isHead?}. `key(row)` names a row.
 * `show(rows)` brings the body to these rows; `patch(key, changes)` changes one of them.
 */
export class Table {
  constructor({ caption, columns, key }) {
    this._columns = columns;
    this._key = key;
    this._rows = new Map();
    this._body = el("tbody");
    const heads = columns.map((one) => el("th", { scope: "col", class: one.class }, one.label));
    const table = el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, heads)), this._body);
    // What can be scrolled sideways has to be reachable by keyboard.
    this.node = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
  }

  get size() {
    return this._rows.size;
  }

  has(key) {
    return this._rows.has(key);
  }

  row(key) {
    return this._rows.get(key)?.row;
  }

  show(rows) {
    const before = this._rows;
    this._rows = new Map();
    arrange(
      this._body,
      rows.map((row) => this._placed(row, before.get(this._key(row)))),
    );
  }

  patch(key, changes) {
    const held = this._rows.get(key);
    if (!held) return false;
    const row = { ...held.row, ...changes };
    if (!this._redrawn(held, row)) return false;
    mark(held.node);
    return true;
  }

  _placed(row, held) {
    const key = this._key(row);
    if (held) {
      this._redrawn(held, row);
      this._rows.set(key, held);
      return held.node;
    }
    const cells = this._columns.map((one) => el(one.isHead ? "th" : "td", { class: one.class, scope: one.isHead && "row" }, one.cell(row)));
    const made = { row, text: JSON.stringify(row), node: el("tr", {}, cells) };
    this._rows.set(key, made);
    return made.node;
  }

  _redrawn(held, row) {
    const text = JSON.stringify(row);
    if (text === held.text) return false;
    held.row = row;
    held.text = text;
    this._columns.forEach((one, at) => redraw(held.node.children[at], one.cell(row)));
    return true;
  }
}

/** A pager over cursors: it remembers those that it came by. `onMove` reads the page of `pager.cursor`. */
export class Pager {
  constructor(onMove) {
    this._cursors = [""];
    this._next = null;
    this._place = el("span", { role: "status" });
    this._back = button("Previous", () => this._move(() => this._cursors.pop(), onMove));
    this._on = button("Next", () => this._move(() => this._cursors.push(this._next), onMove));
    this.node = el("nav", { class: "pager", "aria-label": "Pages" }, this._place, el("div", {}, this._back, this._on));
  }

  get cursor() {
    return this._cursors.at(-1);
  }

  get isFirst() {
    return this._cursors.length === 1;
  }

  reset() {
    this._cursors = [""];
  }

  shown(number, nextCursor) {
    this._next = nextCursor;
    this._back.disabled = this.isFirst;
    this._on.disabled = !nextCursor;
    fill(this._place, `Page ${this._cursors.length}, ${count(number)} shown`);
    this.node.hidden = this.isFirst && !nextCursor;
  }

  _move(step, onMove) {
    step();
    this._back.disabled = this._on.disabled = true;
    onMove();
  }
}

function redraw(cell, content) {
  const made = content instanceof Node ? content : document.createTextNode(String(content));
  const held = cell.firstChild;
  if (held && cell.childNodes.length === 1 && held.isEqualNode(made)) return;
  // A link that has the focus keeps it.
  if (cell.contains(document.activeElement)) return;
  fill(cell, made);
}

function mark(node) {
  node.classList.remove("changed");
  requestAnimationFrame(() => node.classList.add("changed"));
}
