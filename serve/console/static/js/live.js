// Live events: /ws, taken up by its cursor after every break, so that none is missed.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const STEADY_MS = 5_000;
const CONNECT_MS = 10_000;

/**
 * Dispatches "state" when `state` changes (`off`, `connecting`, `live`, `waiting`), and for each event
 * "event" with `detail` = {event, data}. A "gap" means that events are missing: read everything anew.
 */
export class Live extends EventTarget {
  constructor(url) {
    super();
    this.state = "off";
    this.retryAt = null;
    this.since = null;
    this._url = url;
    this._cursor = null;
    this._socket = null;
    this._timer = null;
    this._pause = FIRST_PAUSE_MS;
  }

  /** Connect now, whether or not an attempt is due. */
  connect() {
    clearTimeout(this._timer);
    if (this._socket) return;
    const url = this._cursor ? `${this._url}?cursor=${encodeURIComponent(this._cursor)}` : this._url;
    const socket = new WebSocket(url);
    this._socket = socket;
    this._timer = setTimeout(() => this.renew(), CONNECT_MS);
    this._move("connecting");
    socket.addEventListener("message", (message) => this._take(socket, message.data));
    socket.addEventListener("close", () => this._ended(socket));
  }

  /** Give the connection up, since nothing comes through, and connect again after a pause. */
  renew() {
    const socket = this._socket;
    if (!socket) return;
    this._ended(socket);
    // Its own end may take a minute where nobody answers; nothing of it is heard any more.
    socket.close();
  }

  /** Let go of the connection, and forget where it stood. */
  stop() {
    clearTimeout(this._timer);
    const socket = this._socket;
    this._socket = null;
    this._cursor = null;
    socket?.close();
    this._move("off");
  }

  _take(socket, text) {
    if (socket !== this._socket) return;
    const message = decoded(text);
    if (!message) return;
    if (message.cursor) this._cursor = message.cursor;
    if (message.event === "system:connected") {
      clearTimeout(this._timer);
      this.since = Date.now();
      this._move("live");
    } else if (message.event === "system:gap" || message.event === "system:dropped") {
      this.dispatchEvent(new Event("gap"));
    } else if (!message.event.startsWith("system:")) {
      this.dispatchEvent(new CustomEvent("event", { detail: message }));
    }
  }

  _ended(socket) {
    if (socket !== this._socket) return;
    this._socket = null;
    clearTimeout(this._timer);
    if (this.state === "live" && Date.now() - this.since > STEADY_MS) this._pause = FIRST_PAUSE_MS;
    const pause = this._pause * (0.75 + Math.random() / 2);
    this._pause = Math.min(this._pause * 2, LONGEST_PAUSE_MS);
    this.retryAt = Date.now() + pause;
    this._timer = setTimeout(() => this.connect(), pause);
    this._move("waiting");
  }

  _move(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

function decoded(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.event === "string" ? message : null;
  } catch {
    return null;
  }
}
