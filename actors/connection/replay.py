"""Recognising what an agent replays: nothing is journalled twice, and what never reached us is added.

After ``session/load`` an agent tells its whole conversation again; the journal has a part of it, from the
beginning on. Agents tell it differently, so what is compared is what was said, not how it was cut:

- **Messages and thoughts** are one script: texts of one kind that follow on each other are joined, whatever
  tool calls and states stand between them. A block that is no text is compared whole.
- **Tool calls** are found by their id, and each of their fields by the values it has had.
- **States** (plan, usage, mode, commands, ...) stand outside the conversation and are known by the values
  that they have had; so is every kind of update that we do not know.

What the agent says in a message must be what we know, up to where our knowledge ends; otherwise the replay
has *diverged*. Prompts may be spelled anew: agents keep them as they showed them to their model, and we have
the original. So may thoughts, or be left out. The end of a turn may be missing: an agent that was killed has
not kept what it said last.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

import msgspec
from msgspec import Raw

from actors.connection.replayed import AGENT, NO_FIELDS, THOUGHT, USER, Chunk, ToolUpdate, read
from actors.protocol.members import members_of, split

STATES: Final = frozenset(
    {
        "available_commands_update",
        "config_option_update",
        "current_mode_update",
        "plan",
        "session_info_update",
        "usage_update",
    }
)
"""Kinds whose last value is all that counts."""


class ReplayFilter:
    """What of one replay is new. ``known`` are the journalled updates and prompts, in order, from the first.

    It keeps the known texts, and 16 bytes for every other value. 100,000 updates take 0.3 s to be read; that
    may be done on any thread.
    """

    def __init__(self, known: Iterable[bytes]) -> None:
        self._tools: dict[str, _Tool] = {}
        self._states: dict[str, _Track] = {}
        self._newest: dict[str, bytes] = {}
        said: list[Chunk] = []
        for frame in known:
            update = read(frame)
            if isinstance(update, Chunk):
                said.append(update)
            elif isinstance(update, ToolUpdate):
                self._tools.setdefault(update.tool_id, _Tool()).know(update)
            else:
                self._states.setdefault(update.kind, _Track()).know(update.value)
        self._script = _Script(said)

    @property
    def diverged(self) -> bool:
        """Whether the agent tells another conversation than the journal.

        From there on messages, thoughts and tool calls that are not known are dropped: nobody can say whether
        they are new. States, and the outcome of tool calls that are known, are still taken.
        """
        return self._script.diverged

    def new_part(self, frame: bytes) -> bytes | None:
        """What of a replayed ``session/update`` is to be journalled; None if all of it is known or dropped.

        That is the frame itself; or one with the new end of its text; or a ``tool_call_update`` with the
        fields that changed.
        """
        update = read(frame)
        if isinstance(update, Chunk):
            return self._new_chunk(frame, update)
        if isinstance(update, ToolUpdate):
            return self._new_tool_update(frame, update)
        if update.kind in STATES:
            self._newest[update.kind] = frame
        return frame if self._states.setdefault(update.kind, _Track()).is_new(update.value) else None

    def returned_states(self) -> list[bytes]:
        """To be journalled when the replay is over: states that went back to an earlier value unseen.

        While the replay goes on, such a value cannot be told from the earlier one.
        """
        return [frame for kind, frame in self._newest.items() if self._states[kind].ended_early]

    def newest_states(self) -> list[bytes]:
        """The last update of each kind of state that the agent told."""
        return list(self._newest.values())

    def _new_chunk(self, frame: bytes, chunk: Chunk) -> bytes | None:
        text = self._script.unknown_end(chunk.kind, chunk.text)
        if not text:
            return None
        if len(text) == len(chunk.text):
            return frame
        return _replaced(frame, ("params", "update", "content", "text"), msgspec.json.encode(text))

    def _new_tool_update(self, frame: bytes, update: ToolUpdate) -> bytes | None:
        tool = self._tools.get(update.tool_id)
        if tool is None:
            if not self._script.goes_on():
                return None
            tool = self._tools[update.tool_id] = _Tool(is_new=True)
        if tool.is_new:
            return frame
        names = tool.news(update)
        if names is None:
            return None
        if len(names) == len(update.fields) and not update.creates:
            return frame
        return _as_change(frame, names)


class _Script:
    """The messages and thoughts that are known, and how far the replay has come in them."""

    def __init__(self, said: Iterable[Chunk]) -> None:
        self.diverged = False
        self._runs = [
            (kind, "".join(chunk.text for chunk in chunks))
            for kind, chunks in groupby((chunk for chunk in said if chunk.text), lambda chunk: chunk.kind)
        ]
        self._turns = [at for at, (kind, _) in enumerate(self._runs) if kind == USER]
        self._at = 0
        self._offset = 0
        self._passed: tuple[int, int] | None = None
        self._speaking = ""
        self._astray = False

    def unknown_end(self, kind: str, text: str) -> str:
        """The agent says ``text`` next: the end of it that is new, and not to be dropped."""
        if self.diverged or not text:
            return ""
        if kind != self._speaking:
            self._speak(kind)
        while text and not self._astray and self._seek(kind, text):
            if self._has_ended():
                return text
            text = text[self._advance(len(text)) :]
        return ""

    def goes_on(self) -> bool:
        """Something unknown comes next: whether it follows on all that is known. If not, it diverges."""
        if self.diverged:
            return False
        self._speak("")
        self._pass_thoughts()
        self.diverged = not self._has_ended()
        return not self.diverged

    def _speak(self, kind: str) -> None:
        """Another kind begins. What the agent left out of the prompt before it is passed over."""
        if self._speaking == USER and self._kind() == USER:
            self._passed = (self._at, self._offset)
            self._go_to(self._at + 1)
        self._speaking = kind
        self._astray = False

    def _seek(self, kind: str, text: str) -> bool:
        """Go to where ``text`` goes on, which may be the end of all. If that is nowhere it is dropped."""
        if kind != THOUGHT:
            self._pass_thoughts()
        for at, offset in self._places(kind):
            if self._fits(at, offset, kind, text):
                self._go_to(at, offset)
                return True
        self._astray = True
        self.diverged = kind == AGENT
        return False

    def _places(self, kind: str) -> Iterator[tuple[int, int]]:
        """Where the replay may go on. A prompt may be the next turn's, or one that was passed over."""
        if not self._has_ended():
            yield self._at, self._offset
        if kind == USER:
            turn = bisect(self._turns, self._at)
            if turn < len(self._turns) and self._kind() != USER:
                yield self._turns[turn], 0
            if self._passed is not None:
                yield self._passed
        if self._has_ended():
            yield self._at, 0

    def _fits(self, at: int, offset: int, kind: str, text: str) -> bool:
        if at == len(self._runs):
            return True
        known_kind, known = self._runs[at]
        return kind == known_kind and known.startswith(text[: len(known) - offset], offset)

    def _advance(self, length: int) -> int:
        """Pass over so much of the run, at most to its end. Returns how much it was."""
        left = len(self._runs[self._at][1]) - self._offset
        if length < left:
            self._offset += length
        else:
            self._go_to(self._at + 1)
        return min(length, left)

    def _pass_thoughts(self) -> None:
        if self._kind() == THOUGHT:
            self._go_to(self._at + 1)

    def _go_to(self, at: int, offset: int = 0) -> None:
        self._at = at
        self._offset = offset

    def _has_ended(self) -> bool:
        return self._at == len(self._runs)

    def _kind(self) -> str:
        """The kind of the run that the replay has come to."""
        return "" if self._has_ended() else self._runs[self._at][0]


class _Track:
    """The values that one thing is known to have had, and how far the replay has come in them."""

    __slots__ = ("_known", "_next", "_now")

    def __init__(self) -> None:
        self._known: list[bytes] = []
        self._next = 0
        self._now: bytes | None = None

    def know(self, value: bytes) -> None:
        """It had this value next."""
        if not self._known or self._known[-1] != value:
            self._known.append(value)

    @property
    def is_behind(self) -> bool:
        """Whether the replay has yet to tell values that are known."""
        return self._next < len(self._known)

    @property
    def ended_early(self) -> bool:
        """Whether the value that was told last is not the one that is known last."""
        return self.is_behind and self._known[-1] != self._now

    def meets(self, value: bytes) -> bool:
        """Whether a value is known at this point or further on, where the replay then is."""
        if value != self._now:
            try:
                self._next = self._known.index(value, self._next) + 1
            except ValueError:
                return False
            self._now = value
        return True

    def is_new(self, value: bytes) -> bool:
        """As ``meets``, the other way round; what is new is the value from now on."""
        if self.meets(value):
            return False
        self._next = len(self._known)
        self._now = value
        return True


class _Tool:
    """One tool call. ``is_new``: nothing of it was known."""

    __slots__ = ("_bare", "_fields", "_finished", "is_new")

    def __init__(self, *, is_new: bool = False) -> None:
        self.is_new = is_new
        self._fields: dict[str, _Track] = {}
        self._bare = 0
        self._finished = False

    def know(self, update: ToolUpdate) -> None:
        """This update of it is known."""
        self._finished = self._finished or update.finishes
        self._bare += not update.fields
        for name, value in update.fields.items():
            self._fields.setdefault(name, _Track()).know(value)

    def news(self, update: ToolUpdate) -> frozenset[str] | None:
        """The names of the fields that are new; None if there is nothing new in it."""
        if self._finished and any(track.is_behind for track in self._fields.values()):
            # We have seen its outcome, so this is something that we have seen too, maybe spelled anew.
            for name, value in update.fields.items():
                if name in self._fields:
                    self._fields[name].meets(value)
            return None
        if not update.fields:
            self._bare -= 1
            return frozenset() if self._bare < 0 else None
        names = frozenset(
            name
            for name, value in update.fields.items()
            if self._fields.setdefault(name, _Track()).is_new(value)
        )
        return names or None


def _as_change(frame: bytes, names: frozenset[str]) -> bytes:
    """The update as a ``tool_call_update`` with only these fields."""
    members = split(split(split(frame)["params"])["update"])
    kept = {name: value for name, value in members.items() if name in names or name in NO_FIELDS}
    kept["sessionUpdate"] = Raw(b'"tool_call_update"')
    return _replaced(frame, ("params", "update"), msgspec.json.encode(kept))


def _replaced(text: bytes | Raw, path: tuple[str, ...], value: bytes) -> bytes:
    """An object with another text at ``path``."""
    if not path:
        return value
    members = members_of(text) or {}
    members[path[0]] = Raw(_replaced(members.get(path[0], Raw(b"{}")), path[1:], value))
    return msgspec.json.encode(members)
