"""One session's stream as the rules see it: all that it says, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from actors.connection import record
from actors.errors import SessionNotFoundError
from actors.journal.contract import Entry, Head, Journal
from topology.verify.facts import Fact, TurnEnded, TurnStarted, read_fact
from topology.verify.violations import Rule, Violation


@dataclass(frozen=True)
class Run:
    """A turn from its start; ``end`` is None while it has none."""

    start: TurnStarted
    end: TurnEnded | None


@dataclass(frozen=True)
class Timeline:
    """A session's kept entries. ``agent`` is what its agent calls it, None where the record does not say."""

    session: str
    workspace: str
    agent: str | None
    first_kept: int
    last_seq: int
    facts: tuple[Fact, ...]

    @property
    def is_trimmed(self) -> bool:
        """Whether the stream's beginning is gone, so that what was begun there may end here."""
        return self.first_kept > 1

    def violation(self, rule: Rule, seq: int, expected: str, found: str) -> Violation:
        """A violation in this session."""
        return Violation(rule, self.session, seq, expected, found)

    def runs(self) -> dict[str, list[Run]]:
        """The turns of each ``promptId``, in order."""
        ends: dict[int, TurnEnded] = {}
        for fact in self.facts:
            if isinstance(fact, TurnEnded):
                ends.setdefault(fact.turn, fact)
        runs: dict[str, list[Run]] = {}
        for fact in self.facts:
            if isinstance(fact, TurnStarted) and fact.prompt_id is not None:
                runs.setdefault(fact.prompt_id, []).append(Run(fact, ends.get(fact.turn)))
        return runs


def timeline_of(head: Head, entries: Iterable[Entry]) -> Timeline:
    """The timeline of the stream whose head and kept entries these are."""
    return Timeline(
        session=head.stream.rpartition("/")[2],
        workspace=head.workspace,
        agent=_agent_of(head),
        first_kept=head.first_kept,
        last_seq=head.last_seq,
        facts=tuple(map(read_fact, entries)),
    )


async def read_timeline(journal: Journal, head: Head) -> Timeline:
    """Read a stream up to its newest entry. Raises JournalUnavailableError."""
    entries: list[Entry] = []
    after = head.first_kept - 1
    while True:
        page = await journal.read(head.stream, after)
        if not page.entries:
            return timeline_of(head, entries)
        entries += page.entries
        after = page.entries[-1].seq


def _agent_of(head: Head) -> str | None:
    try:
        return record.decode(head.meta).agent_id
    except SessionNotFoundError:
        return None
