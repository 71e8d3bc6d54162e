"""What a verification found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from topology.verify.facts import TurnStarted
from topology.verify.timeline import Timeline
from topology.verify.violations import Rule, Violation

MAX_SHOWN: Final = 100


@dataclass
class Report:
    """What was looked at, and the violations: all are counted, the first hundred kept.

    ``said`` counts updates in the agents' records, ``received`` messages in the clients'.
    """

    sessions: int = 0
    entries: int = 0
    turns: int = 0
    said: int = 0
    received: int = 0
    counts: Counter[Rule] = field(default_factory=Counter)
    shown: list[Violation] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many violations there are."""
        return self.counts.total()

    def count(self, timeline: Timeline) -> None:
        """A session was looked at."""
        self.sessions += 1
        self.entries += len(timeline.facts)
        self.turns += sum(isinstance(fact, TurnStarted) for fact in timeline.facts)

    def add(self, violation: Violation) -> None:
        """A promise is broken."""
        self.counts[violation.rule] += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(violation)

    def lines(self) -> Iterator[str]:
        """The report as text: a line a violation, then what was looked at."""
        for violation in self.shown:
            yield violation.line()
        if self.total > len(self.shown):
            yield f"and {self.total - len(self.shown):,} more"
        for rule, number in sorted(self.counts.items()):
            yield f"{rule}: {number:,}"
        seen = f"{self.sessions:,} sessions, {self.turns:,} turns, {self.entries:,} entries"
        if self.said or self.received:
            seen += f", {self.said:,} updates said by agents, {self.received:,} messages received by clients"
        yield f"{seen}: {f'{self.total:,} violations' if self.total else 'nothing is wrong'}"

    def json(self) -> bytes:
        """The report as JSON."""
        about = {
            "sessions": self.sessions,
            "turns": self.turns,
            "entries": self.entries,
            "said": self.said,
            "received": self.received,
            "total": self.total,
            "counts": {rule.value: number for rule, number in sorted(self.counts.items())},
            "violations": self.shown,
        }
        return msgspec.json.format(msgspec.json.encode(about), indent=2)
