"""What agents say of a history: a record of all that they were told and said.

A record is a file of JSON lines, one a message, written by the agent before the message is sent::

    {"event": "said", "session": "a-1", "update": {"sessionUpdate": "agent_message_chunk", …}}
    {"event": "told", "session": "a-1", "promptId": "p-1"}

``session`` is the agent's own name of it, ``update`` the content of a ``session/update``, ``promptId`` that
of the prompt's ``_meta.lumilink``. Lines with another ``event`` are the agent's own business. Updates that
only repeat the past, as an answer to ``session/load``, are not said again. Agents can be held against a
journal if they remember their sessions, so that each has one name for all its life.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.connection.turns import TurnEnd
from topology.verify.differences import compare
from topology.verify.facts import Update
from topology.verify.record_lines import read_lines
from topology.verify.timeline import Run, Timeline
from topology.verify.violations import Rule, Violation


class AgentLine(Struct, rename="camel", omit_defaults=True):
    """A line of an agent's record."""

    event: str
    session: str = ""
    update: Raw | UnsetType = UNSET
    prompt_id: str | None = None


_decoder: Final = msgspec.json.Decoder(AgentLine)


def digest(update: bytes | Raw) -> bytes:
    """What two updates have in common that say the same, whatever the order of their members."""
    same = msgspec.json.encode(msgspec.json.decode(update), order="deterministic")
    return blake2b(same, digest_size=8).digest()


@dataclass
class AgentSession:
    """What an agent's record has of one session."""

    said: list[bytes] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)


class AgentRecords:
    """The records of all agents, by the agents' names of their sessions."""

    def __init__(self, lines: Iterable[AgentLine] = ()) -> None:
        self.updates = 0
        self._names_prompts = False
        self._sessions: dict[str, AgentSession] = {}
        self._missing: set[str] = set()
        for line in lines:
            self._take(line)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> AgentRecords:
        """Read files. Raises SettingsError."""
        return cls(line for path in paths for line in read_lines(path, _decoder))

    def _take(self, line: AgentLine) -> None:
        if line.event == "said" and line.update is not UNSET:
            self._of(line.session).said.append(digest(line.update))
            self._missing.add(line.session)
            self.updates += 1
        elif line.event == "told" and line.prompt_id is not None:
            self._of(line.session).told[line.prompt_id] += 1
            self._names_prompts = True

    def _of(self, session: str) -> AgentSession:
        return self._sessions.setdefault(session, AgentSession())

    def check(self, timeline: Timeline, *, live: bool) -> Iterator[Violation]:
        """A session's updates are what its agent said, and its agent was told each prompt once.

        In a history that goes on (``live``) what was said last may be on its way.
        """
        self._missing.discard(timeline.agent or "")
        known = self._sessions.get(timeline.agent or "", AgentSession())
        yield from _check_said(timeline, known, live=live)
        if self._names_prompts:
            yield from _check_told(timeline, known)

    def check_rest(self) -> Iterator[Violation]:
        """After all sessions: what agents said in sessions that the journal does not have."""
        for session in sorted(self._missing):
            said = len(self._sessions[session].said)
            yield Violation(Rule.SESSION_MISSING, session, 0, "a stream", f"none, and {said} updates said")


def _check_said(timeline: Timeline, known: AgentSession, *, live: bool) -> Iterator[Violation]:
    # A notification of another method has no update, and one without a session is nobody's.
    kept = [
        (fact.seq, digest(fact.update))
        for fact in timeline.facts
        if isinstance(fact, Update) and isinstance(fact.update, Raw)
    ]
    seqs, found = [seq for seq, _ in kept], [update for _, update in kept]
    # What was trimmed is not lost: only so many updates as there are can be held against the newest said.
    said = known.said[max(0, len(known.said) - len(found)) :] if timeline.is_trimmed else known.said
    differences = compare(said, found)
    for place in _but_last(differences.lost, len(said)) if live else differences.lost:
        expected = f"update {place + 1} of the {len(said)} that the agent said"
        yield timeline.violation(Rule.AGENT_LOST, 0, expected, "nothing")
    for at in differences.doubled:
        yield timeline.violation(Rule.AGENT_DOUBLED, seqs[at], "what comes next", "an update once more")
    for at in differences.reordered:
        expected = "the order in which it was said"
        yield timeline.violation(Rule.AGENT_REORDERED, seqs[at], expected, "an update in another place")
    for at in differences.invented:
        expected = "an update that the agent said"
        yield timeline.violation(Rule.AGENT_INVENTED, seqs[at], expected, "another")


def _but_last(lost: Sequence[int], length: int) -> Sequence[int]:
    """The lost places without those that end the sequence."""
    while lost and lost[-1] == length - 1:
        lost, length = lost[:-1], length - 1
    return lost


def _check_told(timeline: Timeline, known: AgentSession) -> Iterator[Violation]:
    for prompt_id, times in known.told.items():
        if times > 1:
            expected = f"prompt {prompt_id!r} once at the agent"
            yield timeline.violation(Rule.AGENT_TOLD_TWICE, 0, expected, f"{times} times")
    for prompt_id, runs in timeline.runs().items():
        yield from _check_run(timeline, prompt_id, runs[-1], was_told=prompt_id in known.told)


def _check_run(timeline: Timeline, prompt_id: str, run: Run, *, was_told: bool) -> Iterator[Violation]:
    if run.end is None:
        return
    about = f"turn {run.end.turn} with prompt {prompt_id!r} ended as {run.end.outcome.value}"
    if run.end.outcome is TurnEnd.COMPLETED and not was_told:
        yield timeline.violation(
            Rule.AGENT_TOLD, run.end.seq, "a prompt that the agent got", f"{about}, and it did not"
        )
    if run.end.outcome is TurnEnd.NEVER_STARTED and was_told:
        expected = "a prompt that the agent never got"
        yield timeline.violation(Rule.AGENT_TOLD, run.end.seq, expected, f"{about}, and it did")
