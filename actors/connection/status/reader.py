"""Reads progress and usage out of a session's events, while somebody wants to know.

What is read was written by an agent: what is not as the protocol has it says nothing, and is no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace

from actors.connection.events import Event, EventKind
from actors.connection.status.shape import Cost, Progress, ToolCalls, Usage
from actors.protocol.redaction import redact

MAX_TOOL_CALLS: Final = 1024
"""So many of a turn are told apart."""
MAX_CURRENT: Final = 200

_STIRRING: Final = frozenset(
    {EventKind.QUESTION, EventKind.DECISION, EventKind.CONNECTION, EventKind.PROTOCOL, EventKind.ANSWERED}
)
"""These change what others know of the session."""
_FINISHED: Final = ("completed", "failed")

_Count = Annotated[int, Meta(ge=0)]


class _Entry(Struct):
    content: str = ""
    status: str = ""


class _Update(Struct):
    kind: str = field(name="sessionUpdate")
    entries: tuple[_Entry, ...] = ()
    tool_call_id: str = field(name="toolCallId", default="")
    status: str | None = None
    title: str | None = None
    used: _Count | None = None
    size: _Count | None = None
    cost: Cost | None = None


class _Params(Struct):
    update: _Update


class _Message(Struct):
    params: _Params


class _Tokens(Struct, rename="camel"):
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    total_tokens: _Count | None = None


class _ResultMeta(Struct):
    usage: _Tokens | None = None


class _Result(Struct):
    usage: _Tokens | None = None
    meta: _ResultMeta | None = field(name="_meta", default=None)


class _Answer(Struct):
    result: _Result | None = None


class _Ended(Struct):
    answer: _Answer


_decode_update = msgspec.json.Decoder(_Message).decode
_decode_end = msgspec.json.Decoder(_Ended).decode


def _may_concern(message: bytes) -> bool:
    """Most updates are text that streams, and are not worth parsing."""
    return b'"tool_call' in message or b'"plan"' in message or b'"usage_update"' in message


class StatusReader:
    """Is given every committed event of a session, and calls ``on_change`` where one concerns its status.

    The plan and the tool calls are those of the turn that runs, or ran last.
    """

    __slots__ = ("_calls", "_entries", "_on_change", "usage")

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.usage: Usage | None = None
        self._on_change = on_change
        self._entries: tuple[_Entry, ...] = ()
        self._calls: dict[str, tuple[str, str]] = {}

    def take(self, events: Iterable[Event]) -> None:
        """Read the next events."""
        changed = False
        for event in events:
            changed = self._read(event) or changed
        if changed:
            self._on_change()

    def progress(self) -> Progress | None:
        """How far the turn is; None where the agent told nothing of it."""
        if not self._entries and not self._calls:
            return None
        entries, calls = self._entries, self._calls.values()
        running = [title for title, status in calls if status not in _FINISHED]
        current = next((one.content for one in entries if one.status == "in_progress"), "")
        current = current or next(filter(None, reversed(running)), "")
        return Progress(
            sum(one.status == "completed" for one in entries) if entries else None,
            len(entries) or None,
            redact(current)[:MAX_CURRENT] or None,
            ToolCalls(len(calls) - len(running), len(running)) if calls else None,
        )

    def _read(self, event: Event) -> bool:
        """Whether it changed something."""
        if event.kind is EventKind.UPDATE:
            return _may_concern(event.message) and self._read_update(event.message)
        if event.kind is EventKind.TURN_STARTED:
            self._entries = ()
            self._calls.clear()
            return True
        if event.kind is EventKind.TURN_ENDED:
            # What the agent left open is over with its turn.
            self._calls = {name: one for name, one in self._calls.items() if one[1] in _FINISHED}
            self._read_end(event.message)
            return True
        return event.kind in _STIRRING

    def _read_update(self, message: bytes) -> bool:
        try:
            update = _decode_update(message).params.update
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if update.kind == "plan":
            self._entries = update.entries
        elif update.kind in ("tool_call", "tool_call_update"):
            self._note_call(update)
        elif update.kind == "usage_update":
            cost = update.cost and Cost(update.cost.amount, redact(update.cost.currency)[:16])
            known = self.usage or Usage()
            self.usage = replace(known, context_used=update.used, context_size=update.size, cost=cost)
        else:
            return False
        return True

    def _note_call(self, update: _Update) -> None:
        name = update.tool_call_id
        if name not in self._calls and len(self._calls) >= MAX_TOOL_CALLS:
            return
        title, status = self._calls.get(name, ("", ""))
        title = title if update.title is None else update.title
        self._calls[name] = (title[:MAX_CURRENT], update.status or status)

    def _read_end(self, note: bytes) -> None:
        if b'"usage"' not in note:
            return
        try:
            result = _decode_end(note).answer.result
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        tokens = result and (result.usage or (result.meta and result.meta.usage))
        if tokens:
            self.usage = replace(
                self.usage or Usage(),
                input_tokens=tokens.input_tokens,
                output_tokens=tokens.output_tokens,
                total_tokens=tokens.total_tokens,
            )
