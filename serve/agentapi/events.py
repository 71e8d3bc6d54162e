"""``GET events``: a session as server-sent events, by position, so that a slow reader costs nothing.

A reader keeps the place that it has come to. What has changed since is told as it is now: a message that
grew ten times meanwhile is sent once, whole, as AgentAPI does it. So nothing waits for anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from serve.agentapi.conversation import Change, Conversation, Fault, Message, Status
from serve.agentapi.watcher import Watcher
from serve.ingress.event_stream import KEEPALIVE

HEADERS: Final = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "0",
    "X-Accel-Buffering": "no",
}
INTERVAL_S: Final = 0.025
"""The least time between two states of a growing message: how often AgentAPI looks at its terminal."""


def position_of(last_event_id: str | None) -> int | None:
    """The event that a client has seen all up to; None if it is to be told everything."""
    if last_event_id is None or not last_event_id.isascii() or not last_event_id.isdecimal():
        return None
    return int(last_event_id[:18])


async def event_lines(
    watcher: Watcher, after_seq: int | None, agent_type: str, keepalive_s: float
) -> AsyncIterator[bytes]:
    """The events after a position, then what happens, until the session is out of reach."""
    conversation = watcher.conversation
    order = conversation.order
    yield _beginning(conversation, after_seq, agent_type)
    while watcher.over is None:
        if conversation.order == order and not await watcher.rung(keepalive_s):
            yield KEEPALIVE
            continue
        changes = conversation.new_since(order)
        order = conversation.order
        if changes:
            yield b"".join(_event(one, agent_type, one.seq) for one in changes)
            await asyncio.sleep(INTERVAL_S)


def _beginning(conversation: Conversation, after_seq: int | None, agent_type: str) -> bytes:
    """All of it, or what a client has missed, and how things are. Only its end has an id: until then, a
    client that loses the connection has seen nothing that it could go on after.
    """
    known = after_seq is not None and after_seq <= conversation.seq
    changes: Sequence[Change] = conversation.new_after(after_seq or 0) if known else conversation.state()
    now = conversation.changes[-1]
    if now not in changes:
        changes = [*changes, now]
    lines = [_event(one, agent_type) for one in changes[:-1]]
    return b"".join([*lines, _event(changes[-1], agent_type, conversation.seq)])


def _event(change: Change, agent_type: str, seq: int | None = None) -> bytes:
    match change:
        case Message():
            name = b"message_update"
            told: dict[str, object] = {
                "id": change.number,
                "role": change.role,
                "message": change.text,
                "time": change.time,
            }
        case Status():
            name, told = b"status_change", {"status": change.status, "agent_type": agent_type}
        case Fault():
            name, told = b"agent_error", {"message": change.text, "level": change.level, "time": change.time}
    head = b"" if seq is None else b"id: %d\n" % seq
    return head + b"event: %s\ndata: %s\n\n" % (name, msgspec.json.encode(told))
