// One session: how it is carried, what happened in it, and what was told to its users.

import { get } from "../api.js";
import { badge, protocol } from "../badges.js";
import { el, fill } from "../dom.js";
import { duration, moment, percent, UNKNOWN } from "../format.js";
import { stateOf } from "../live_states.js";
import { address } from "../router.js";
import { Region } from "../states.js";
import { debounced, nowAndThen } from "../timing.js";
import { messagesPanel } from "./messages.js";
import { statusPanel } from "./status.js";
import { timelinePanel } from "./timeline.js";
import { transcriptPanel } from "./transcript.js";

const SETTLE_MS = 1_000;
const EVERY_MS = 30_000;

export function sessionPage({ app, parts, signal }) {
  const id = parts[1];
  const path = `/api/v1/sessions/${encodeURIComponent(id)}`;
  const mark = el("span", { role: "status" });
  let shown = null;
  const about = new Region("the session", signal, {
    read: () => readSession(path, signal),
    show: (found) => {
      fill(mark, badge(stateOf(found.session, found.connection, app.states.of(id))));
      const drawn = facts(found, app.states.of(id));
      // Where nothing has changed, nothing is replaced: somebody may be on one of its links.
      return shown?.isEqualNode(drawn) ? undefined : (shown = drawn);
    },
  });
  const panels = [timelinePanel(path, signal), transcriptPanel(path, signal), messagesPanel(id, signal)];
  const now = app.may("sessions-read") ? statusPanel(path, signal) : null;
  const refresh = () => [about, now, ...panels].forEach((one) => one?.refresh());
  const soon = debounced(refresh, SETTLE_MS, signal);
  app.live.addEventListener("event", ({ detail }) => detail.data?.sessionId === id && soon(), { signal });
  app.live.addEventListener("gap", soon, { signal });
  nowAndThen(refresh, EVERY_MS, signal);
  refresh();
  const node = el(
    "div",
    { class: "stack" },
    el("div", { class: "head" }, el("div", {}, el("h1", {}, "Session ", el("span", { class: "id" }, id)), mark)),
    el("section", { class: "panel", "aria-label": "About this session" }, el("div", { class: "inside" }, about.node)),
    now?.node,
    el("div", { class: "columns two" }, panels[0].node, panels[1].node),
    panels[2].node,
  );
  return { title: `Session ${id}`, node };
}

async function readSession(path, signal) {
  const session = await get(path, { signal });
  if (!session.acpConnectionId) return { session, connection: null };
  try {
    return { session, connection: await get(`/api/v1/connections/${encodeURIComponent(session.acpConnectionId)}`, { signal }) };
  } catch (error) {
    // Its record may come a moment after the session's; the rest is worth showing.
    if (error.status === 404) return { session, connection: null };
    throw error;
  }
}

function facts({ session, connection }, live) {
  return el(
    "dl",
    { class: "facts" },
    fact("Protocol", protocol(session.protocolType)),
    fact("Falls back to HTTP", session.fallbackEnabled ? "if ACP fails" : "never"),
    fact("Workspace", el("a", { href: address(["protocol", session.workspaceId]) }, session.workspaceId)),
    fact("Container", session.containerId),
    live.workerId ? fact("Worker", live.workerId) : null,
    fact("Opened", moment(session.createdAt)),
    fact("Changed", moment(session.updatedAt)),
    session.closedAt ? fact("Closed", moment(session.closedAt)) : null,
    connection ? connectionFacts(connection) : null,
  );
}

function connectionFacts(connection) {
  return [
    fact("Connection", el("span", { class: "id" }, connection.connectionId)),
    fact("Negotiated version", connection.protocolVersion ?? UNKNOWN),
    fact("Success rate, last hour", percent(connection.successRate)),
    fact("Latency, p95", duration(connection.latencyP95)),
    fact("Errors, reconnects", `${connection.errorCount}, ${connection.reconnectCount}`),
    fact("Last active", moment(connection.lastActive)),
  ];
}

function fact(name, value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}
