// What stands where there is nothing to show: not yet, not at all, or because something went wrong.

import { button, el, fill } from "./dom.js";
import { clock } from "./format.js";

/** Still being read. */
export function loading(what) {
  return el("div", { class: "state", role: "status" }, `Reading ${what} …`);
}

/** Nothing there, and what to do about it. */
export function empty(title, advice) {
  return el("div", { class: "state" }, el("strong", {}, title), advice);
}

/** It went wrong: what, what to do, and a button that tries again. */
export function failed(problem, retry) {
  const advice = problem.recovery || "Try again; if it stays so, look at the gateway's log.";
  return el(
    "div",
    { class: "state bad", role: "alert" },
    el("strong", {}, problem.message || "This went wrong."),
    el("p", {}, advice),
    retry && problem.status !== 403 ? button("Try again", retry) : null,
  );
}

/**
 * A place that shows what `read(signal)` finds, by `show(found)`, which returns nodes or nothing if it has
 * changed them itself. Reading anew never takes away what is shown: if it fails, a line says how old it is.
 */
export class Region {
  constructor(what, signal, { read, show }) {
    this._body = el("div", {}, loading(what));
    this._note = el("div", { class: "stale", role: "status", hidden: true });
    this.node = el("div", {}, this._note, this._body);
    this._signal = signal;
    this._read = read;
    this._show = show;
    this._running = null;
    this._again = false;
    this._shownAt = null;
    this.refresh = this.refresh.bind(this);
  }

  /** Read and show. One reading at a time: whoever asks meanwhile gets one more after it. */
  async refresh() {
    if (this._running) {
      this._again = true;
      return this._running;
    }
    this._running = this._refreshed();
    try {
      await this._running;
    } finally {
      this._running = null;
    }
    if (this._again && !this._signal.aborted) {
      this._again = false;
      return this.refresh();
    }
    return undefined;
  }

  async _refreshed() {
    try {
      const found = await this._read(this._signal);
      if (this._signal.aborted) return;
      const nodes = this._show(found);
      if (nodes !== undefined) fill(this._body, nodes);
      this._shownAt = Date.now();
      this._note.hidden = true;
    } catch (error) {
      if (this._signal.aborted || error.name === "AbortError") return;
      this._failed(error);
    }
  }

  _failed(error) {
    if (this._shownAt === null) {
      fill(this._body, failed(error, this.refresh));
      return;
    }
    this._note.hidden = false;
    fill(this._note, `As of ${clock(this._shownAt)}. ${error.message} `, button("Try again", this.refresh, { class: "quiet" }));
  }
}
