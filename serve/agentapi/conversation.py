"""A session's events folded to what AgentAPI shows: messages, a status, errors. Pure state without I/O.

A turn is one message of the user and one of the agent, as in a terminal: what the agent says, and a line for
each tool call. A message's id is the ``seq`` of the event that began it: ids rise with the conversation, and
are the same whichever replica is asked, and after a restart.

Everything has two places: its ``seq`` in the session, which a client can come back with, and its ``order`` of
arrival here, by which a reader knows what is new to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, takewhile
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from serve.agentapi.wording import ToolCall, ToolLines, text_of

MAX_CHARS: Final = 4 * 1024 * 1024
"""So much of a conversation is kept; the oldest messages go first."""
MAX_MESSAGE_CHARS: Final = 1024 * 1024
"""So much of one message is kept: its end."""
MAX_PARTS: Final = 512
MAX_FAULTS: Final = 100
MAX_CHANGES: Final = 32

USER: Final = "user"
AGENT: Final = "agent"
RUNNING: Final = "running"
STABLE: Final = "stable"
_CUT: Final = "…\n"


@dataclass(slots=True)
class Message:
    """One message as it is now. ``number`` is its id; ``time`` is RFC 3339.

    ``parts`` are its pieces, each with what it belongs to; of so many as ``join_at`` fewer are made.
    """

    number: int
    role: str
    time: str
    seq: int
    order: int
    size: int = 0
    parts: list[tuple[str, str]] = field(default_factory=list)
    join_at: int = MAX_PARTS

    @property
    def text(self) -> str:
        """Its text."""
        self._join()
        return "".join(text for _, text in self.parts)

    def _join(self) -> None:
        """Make one piece of all that follow on each other in a part."""
        if len(self.parts) > 1:
            groups = groupby(self.parts, lambda part: part[0])
            self.parts = [(key, "".join(text for _, text in pieces)) for key, pieces in groups]

    def add(self, key: str, text: str) -> None:
        """It grows. ``key`` names the part that the text belongs to; parts begin on a line of their own."""
        if self.parts and self.parts[-1][0] != key and not self.parts[-1][1].endswith("\n"):
            text = "\n" + text
        self.parts.append((key, text))
        self.size += len(text)
        if len(self.parts) > self.join_at:
            self._join()
            self.join_at = max(MAX_PARTS, 2 * len(self.parts))
        if self.size > MAX_MESSAGE_CHARS:
            kept = self.text[-MAX_MESSAGE_CHARS // 2 :]
            self.parts = [("", _CUT), (key, kept)]
            self.size = len(_CUT) + len(kept)

    def take_out(self, key: str) -> int:
        """A part is replaced by another one; returns how many characters it had."""
        self.parts = [(name, text) for name, text in self.parts if name != key]
        before, self.size = self.size, sum(len(text) for _, text in self.parts)
        return before - self.size


@dataclass(frozen=True, slots=True)
class Status:
    """The agent works (``running``) or waits for a message (``stable``)."""

    status: str
    seq: int
    order: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something went wrong; ``level`` is ``error`` or ``warning``."""

    level: str
    text: str
    time: str
    seq: int
    order: int


Change = Message | Status | Fault


class _OurMeta(Struct, rename="camel"):
    replaces: str = ""
    agent_error: Raw | UnsetType = UNSET


class _Meta(Struct):
    lumilink: _OurMeta | None = None


class _Update(Struct, rename="camel"):
    session_update: str = ""
    content: Raw = Raw(b"null")
    message_id: str | None = None
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _UpdateParams(Struct):
    update: Raw


class _Level(Struct):
    level: str = "error"


class _RpcError(Struct):
    message: str = ""


class _Answer(Struct):
    error: _RpcError | None = None


class _Turn(Struct, rename="camel"):
    state: str
    at: str = ""
    outcome: str = ""
    answer: _Answer = msgspec.field(default_factory=_Answer)


class _Notice(Struct):
    severity: str = ""
    toast: str = ""


_LEVELS: Final = {"warning": "warning", "error": "error", "critical": "error"}
_TOOL_CALLS: Final = ("tool_call", "tool_call_update")


class Conversation:
    """``now`` tells the time, RFC 3339, for what bears none itself."""

    def __init__(self, now: Callable[[], str]) -> None:
        self._now = now
        self._at = ""
        self._turn_begins = False
        self._tools = ToolLines()
        self._chars = 0
        self.seq = 0
        self.order = 0
        self.messages: deque[Message] = deque()
        self.faults: deque[Fault] = deque(maxlen=MAX_FAULTS)
        self.changes: deque[Status] = deque((Status(STABLE, 0, 0),), maxlen=MAX_CHANGES)

    @property
    def status(self) -> str:
        """How the agent is."""
        return self.changes[-1].status

    def clear(self) -> None:
        """All that is kept of the session is shown anew."""
        self._chars = 0
        self.messages.clear()
        self._touch(0)

    # ------------------------------------------------------------------ what happens

    def take_update(self, params: Raw, seq: int) -> None:
        """A ``session/update``; what cannot be read is left out. Raises nothing."""
        try:
            raw = msgspec.json.decode(params, type=_UpdateParams).update
            update = msgspec.json.decode(raw, type=_Update)
            if update.session_update in _TOOL_CALLS:
                line = self._tools.line(msgspec.json.decode(raw, type=ToolCall))
                self._say(AGENT, "tools", line, seq)
                return
        except (msgspec.DecodeError, RecursionError):
            return
        if update.session_update == "user_message_chunk":
            self._hear_user(update, seq)
        elif update.session_update == "agent_message_chunk":
            self._hear_agent(update, seq)

    def take_turn(self, params: Raw, seq: int) -> None:
        """A turn begins or ends."""
        turn = msgspec.json.decode(params, type=_Turn)
        if turn.state == "running":
            self._at, self._turn_begins = turn.at or self._now(), True
            self._change_status(RUNNING, seq)
            return
        if turn.answer.error is not None:
            self._fault("error", f"the turn ended as {turn.outcome}: {turn.answer.error.message}", seq)
        self._change_status(STABLE, seq)

    def take_notice(self, params: Raw, seq: int) -> None:
        """A disruption, if it is one that clients of before would hear of."""
        notice = msgspec.json.decode(params, type=_Notice)
        level = _LEVELS.get(notice.severity)
        if level is not None and notice.toast:
            self._fault(level, notice.toast, seq)

    # ------------------------------------------------------------------ what is to be told

    def new_since(self, order: int) -> list[Change]:
        """What has changed since ``order``, in the order of its last change."""
        return sorted(self._newer(lambda one: one.order > order), key=lambda one: one.order)

    def new_after(self, seq: int) -> list[Change]:
        """What has changed since event ``seq``, in the same order."""
        return sorted(self._newer(lambda one: one.seq > seq), key=lambda one: one.order)

    def state(self) -> list[Change]:
        """All of it as AgentAPI begins: the messages, the status, the errors."""
        return [*self.messages, self.changes[-1], *self.faults]

    # ------------------------------------------------------------------ within

    def _newer(self, is_new: Callable[[Change], bool]) -> Iterator[Change]:
        # Of each kind only the newest have changed: a message grows no more once another has begun.
        kinds: tuple[Sequence[Change], ...] = (self.messages, self.changes, self.faults)
        for kept in kinds:
            yield from takewhile(is_new, reversed(kept))

    def _hear_user(self, update: _Update, seq: int) -> None:
        key = update.message_id or f"user-{seq}"
        if self._turn_begins:
            self._turn_begins = False
            self._begin(USER, seq)
        self._say(USER, key, text_of(update.content), seq)

    def _hear_agent(self, update: _Update, seq: int) -> None:
        ours = (update.meta.lumilink if update.meta else None) or _OurMeta()
        text = text_of(update.content)
        if not isinstance(ours.agent_error, UnsetType):
            level = _level_of(ours.agent_error)
            self._fault(level, text.removeprefix(f"[{level}] "), seq)
            return
        if ours.replaces and self.messages:
            self._chars -= self.messages[-1].take_out(ours.replaces)
        self._say(AGENT, update.message_id or "said", text, seq)

    def _say(self, role: str, key: str, text: str, seq: int) -> None:
        if not text:
            return
        if not self.messages or self.messages[-1].role != role:
            self._begin(role, seq)
        message = self.messages[-1]
        before = message.size
        message.add(key, text)
        self._chars += message.size - before
        message.seq, message.order = seq or self.seq, self._touch(seq)
        while self._chars > MAX_CHARS and len(self.messages) > 1:
            self._chars -= self.messages.popleft().size

    def _begin(self, role: str, seq: int) -> None:
        self.messages.append(Message(seq, role, self._at or self._now(), seq, self._touch(seq)))

    def _change_status(self, status: str, seq: int) -> None:
        order = self._touch(seq)
        if status != self.status:
            self.changes.append(Status(status, seq, order))

    def _fault(self, level: str, text: str, seq: int) -> None:
        order = self._touch(seq)
        self.faults.append(Fault(level, text, self._now(), self.seq, order))

    def _touch(self, seq: int) -> int:
        """Something happens: its place in the order."""
        self.seq = max(self.seq, seq)
        self.order += 1
        return self.order


def _level_of(raw: Raw) -> str:
    try:
        return msgspec.json.decode(raw, type=_Level).level
    except msgspec.DecodeError:
        return "error"
