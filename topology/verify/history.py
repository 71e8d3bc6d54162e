"""Verifying a whole journal: every rule on every session, a session at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from actors.journal.contract import Head, Journal
from topology.verify.agent_record import AgentRecords
from topology.verify.answer_rules import check_answers
from topology.verify.client_record import ClientRecords
from topology.verify.client_rules import check_missing, check_views
from topology.verify.report import Report
from topology.verify.stream_rules import (
    Fences,
    check_cursors,
    check_numbers,
    check_prompt_ids,
    check_questions,
    check_turns,
)
from topology.verify.timeline import Timeline, read_timeline
from topology.verify.violations import Violation

_HEADS_AT_ONCE: Final = 500


@dataclass
class Verification:
    """What a history is held against. ``live``: it goes on, so that its last turns may be open.

    Without ``agents`` or ``clients`` their rules are left out. The pure part: it is given timelines.
    """

    agents: AgentRecords | None = None
    clients: ClientRecords | None = None
    live: bool = False
    report: Report = field(default_factory=Report)
    _fences: Fences = field(default_factory=Fences)
    _sessions: set[str] = field(default_factory=set)

    def take(self, timeline: Timeline) -> None:
        """Verify one session."""
        self._sessions.add(timeline.session)
        self.report.count(timeline)
        for violation in chain(self._in_journal(timeline), self._in_records(timeline)):
            self.report.add(violation)

    def finish(self) -> Report:
        """After all sessions: what the records have and the journal does not."""
        if self.agents is not None:
            self.report.said = self.agents.updates
            for violation in self.agents.check_rest():
                self.report.add(violation)
        if self.clients is not None:
            self.report.received = self.clients.received
            for violation in check_missing(self.clients, self._sessions):
                self.report.add(violation)
        return self.report

    def _in_journal(self, timeline: Timeline) -> Iterator[Violation]:
        yield from check_numbers(timeline, live=self.live)
        yield from check_cursors(timeline)
        yield from self._fences.check(timeline)
        yield from check_turns(timeline, live=self.live)
        yield from check_prompt_ids(timeline)
        yield from check_questions(timeline)

    def _in_records(self, timeline: Timeline) -> Iterator[Violation]:
        if self.agents is not None:
            yield from self.agents.check(timeline, live=self.live)
        if self.clients is not None:
            yield from check_views(timeline, self.clients)
            yield from check_answers(timeline, self.clients, live=self.live)


async def verify(
    journal: Journal,
    agents: AgentRecords | None = None,
    clients: ClientRecords | None = None,
    *,
    live: bool = False,
) -> Report:
    """Verify every session's stream of ``journal``. Raises JournalUnavailableError."""
    verification = Verification(agents, clients, live)
    async for head in _heads(journal):
        verification.take(await read_timeline(journal, head))
    return verification.finish()


async def _heads(journal: Journal) -> AsyncIterator[Head]:
    after = ""
    while True:
        heads = await journal.heads(after=after, limit=_HEADS_AT_ONCE)
        for head in heads:
            # Feeds, standings and policies: what is not a session's begins with what no session's does.
            if not head.stream.startswith("!"):
                yield head
        if len(heads) < _HEADS_AT_ONCE:
            return
        after = heads[-1].stream
