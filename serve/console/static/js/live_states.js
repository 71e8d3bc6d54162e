// What live events have said of sessions, so that a list read a while ago can show what they are now.

const MOST = 5_000;

/** What is known of sessions by events alone: {status?, isWorking?, workerId?}. The oldest are forgotten. */
export class LiveStates {
  constructor(live) {
    this._known = new Map();
    live.addEventListener("gap", () => this._known.clear());
    live.addEventListener("event", ({ detail }) => this._note(detail));
  }

  of(sessionId) {
    return this._known.get(sessionId) ?? {};
  }

  _note({ event, data }) {
    const changes = changesBy(event, data ?? {});
    if (!changes || !data.sessionId) return;
    const known = { ...this._known.get(data.sessionId), ...changes };
    this._known.delete(data.sessionId);
    this._known.set(data.sessionId, known);
    if (this._known.size > MOST) this._known.delete(this._known.keys().next().value);
  }
}

/** What an event changes of its session; null if nothing. */
export function changesBy(event, data) {
  if (event === "session:opened" || event === "session:moved") return { isLoaded: true, workerId: data.workerId };
  if (event === "session:unloaded") return { isLoaded: false, isWorking: false, workerId: null };
  if (event === "session:turn-started") return { isWorking: true };
  if (event === "session:turn-ended") return { isWorking: false };
  if (event.startsWith("connection:")) return { status: event.slice("connection:".length) };
  return null;
}

/** One word for where a session is, from its record, its connection's and what events have said since. */
export function stateOf(session, connection, live) {
  if (session.closedAt) return "closed";
  const status = live.status ?? connection?.status ?? session.status;
  if (live.isWorking && (!status || status === "connected")) return "working";
  if (live.isLoaded === false) return "unloaded";
  return status ?? "open";
}
