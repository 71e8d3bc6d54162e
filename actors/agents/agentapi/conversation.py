"""From AgentAPI's conversation, whose messages are sent whole again each time, to what is new in it.

Pure state without I/O. Of a message only its length and a digest are kept: that is enough to tell growth
(what was shown is how it still begins) from a rewrite.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from actors.agents.agentapi.events import USER, AgentFault, Said

MAX_KNOWN: Final = 4096
"""So many of the newest messages are known; older ones are past and change no more."""

MAX_EXPECTED: Final = 16


@dataclass(frozen=True, slots=True)
class Piece:
    """Text to show. ``replaces`` names the message in whose place this one is, if any."""

    role: str
    message_id: str
    text: str
    replaces: str = ""
    fault: AgentFault | None = None

    def update(self) -> dict[str, object]:
        """The ``update`` of a ``session/update``."""
        kind = "user_message_chunk" if self.role == USER else "agent_message_chunk"
        ours: dict[str, object] = {"messageId": self.message_id}
        if self.replaces:
            ours["replaces"] = self.replaces
        if self.fault is not None:
            ours["agentError"] = {"level": self.fault.level, "time": self.fault.time}
        return {
            "sessionUpdate": kind,
            "messageId": self.message_id,
            "content": {"type": "text", "text": self.text},
            "_meta": {"lumilink": ours},
        }


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was shown of a message, and under which id."""

    message_id: str
    revision: int
    length: int
    digest: bytes

    def begins(self, text: str) -> bool:
        return len(text) >= self.length and _digest(text[: self.length]) == self.digest


class Conversation:
    """What of the conversation was shown. ``name`` makes the ids of its messages unique.

    A growing message is shown as it grows. One that no longer begins as it was shown is held back, until
    ``tick``, ``flush`` or the next message: if by then it begins again as it was shown, nothing was lost and
    nothing is repeated. Else it is shown whole, as a message of its own that replaces the one before: so who
    does not know of replacements sees a text twice, but never two texts mixed.

    The messages of a terminal (``is_screen``) are redrawn all the time, mostly at their end: what is shown
    of them at a ``tick`` is the lines that have not changed since the one before, and all once nothing does.
    """

    def __init__(self, name: str, *, is_screen: bool = False) -> None:
        self._name = name
        self._is_screen = is_screen
        self._shown: dict[int, _Shown] = {}
        self._past = -1
        self._held: Said | None = None
        self._lasting = ""
        self._has_changed = False
        self._expected: list[str] = []
        self._awaited = ""
        self._faults = 0

    @property
    def is_holding(self) -> bool:
        """Whether a message waits for ``tick`` or ``flush``."""
        return self._held is not None

    @property
    def is_awaiting(self) -> bool:
        """Whether the newest message that ``expect`` named has not been seen in the conversation yet."""
        return self._awaited in self._expected

    def adopt(self, said: Said) -> None:
        """Know a message that is not to be shown, for it was there before."""
        self._keep(said, _Shown(self._id(said.number, 0), 0, len(said.text), _digest(said.text)))

    def expect(self, text: str) -> None:
        """The next new message of the user with this text is ours, which everyone knows already."""
        self._awaited = text.strip()
        self._expected = [*self._expected, self._awaited][-MAX_EXPECTED:]

    def expect_no_more(self) -> None:
        """The newest message that ``expect`` named was not taken."""
        if self._awaited in self._expected:
            self._expected.remove(self._awaited)

    def hear(self, said: Said) -> list[Piece]:
        """A message as it is now; returns what is to be shown, in order."""
        if said.number <= self._past:
            return []
        if said.role == USER and said.number not in self._shown and said.text.strip() in self._expected:
            self._expected.remove(said.text.strip())
            self.adopt(said)
            return []
        held = self._held
        before = self.flush() if held is not None and held.number < said.number else []
        is_newest = held is None or held.number <= said.number
        if is_newest and (self._is_screen or not self._shown_of(said).begins(said.text)):
            self._hold(said)
            return before
        if is_newest:
            self._held = None
        return before + self._advance(said)

    def tick(self) -> list[Piece]:
        """Some time has passed: show what has lasted. To be called as long as something is held."""
        held, lasting = self._held, self._lasting
        if held is None or not self._is_screen or not self._has_changed:
            return self.flush()
        self._lasting, self._has_changed = held.text, False
        lines = lasting[: lasting.rfind("\n") + 1]
        if len(lines) <= self._shown_of(held).length:
            return []
        return self._advance(Said(held.number, held.role, lines))

    def flush(self) -> list[Piece]:
        """Show all of the message that is held back."""
        held, self._held = self._held, None
        return [] if held is None else self._advance(held)

    def fault(self, fault: AgentFault) -> Piece:
        """An error or a warning of the agent, as a message of its own."""
        self._faults += 1
        text = f"[{fault.level}] {fault.text}"
        return Piece("agent", f"{self._name}-fault-{self._faults}", text, fault=fault)

    def _hold(self, said: Said) -> None:
        if self._held is None or self._held.number != said.number:
            self._lasting, self._has_changed = said.text, True
        elif self._held.text != said.text:
            self._lasting, self._has_changed = _common(self._lasting, said.text), True
        self._held = said

    def _advance(self, said: Said) -> list[Piece]:
        """Show the message as it is now: what it has grown by, or all of it if it was rewritten."""
        shown = self._shown_of(said)
        message_id, revision, new, replaced = shown.message_id, shown.revision, said.text[shown.length :], ""
        if not shown.begins(said.text):
            revision, new, replaced = revision + 1, said.text, message_id
            message_id = self._id(said.number, revision)
        self._keep(said, _Shown(message_id, revision, len(said.text), _digest(said.text)))
        return [Piece(said.role, message_id, new, replaced)] if new or replaced else []

    def _shown_of(self, said: Said) -> _Shown:
        return self._shown.get(said.number) or _Shown(self._id(said.number, 0), 0, 0, _digest(""))

    def _id(self, number: int, revision: int) -> str:
        return f"{self._name}-{number}" + (f".{revision}" if revision else "")

    def _keep(self, said: Said, shown: _Shown) -> None:
        self._shown[said.number] = shown
        if len(self._shown) > MAX_KNOWN:
            self._past = min(self._shown)
            del self._shown[self._past]


def _common(one: str, other: str) -> str:
    """What both begin with."""
    if other.startswith(one):
        return one
    for index, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return one[:index]
    return other


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
