"""What a chaos run found, as a table and as a section of the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.errors import SettingsError, TurnInterruptedError
from loadtests.chaos.recovery import Recoveries
from topology.verify.report import Report
from topology.verify.violations import Rule

BEGIN: Final = "<!-- chaos:begin (written by loadtests.chaos) -->"
END: Final = "<!-- chaos:end -->"

_LOST: Final = (Rule.AGENT_LOST, Rule.CLIENT_LOST, Rule.SESSION_MISSING, Rule.SEQ)
_DOUBLED: Final = (Rule.AGENT_DOUBLED, Rule.CLIENT_DOUBLED, Rule.PROMPT_RUN_TWICE, Rule.AGENT_TOLD_TWICE)
_REORDERED: Final = (Rule.AGENT_REORDERED, Rule.CLIENT_REORDERED)
_UNANSWERED: Final = (Rule.UNANSWERED,)
_NAMED: Final = frozenset((*_LOST, *_DOUBLED, *_REORDERED, *_UNANSWERED))
_HARMLESS: Final = frozenset(("end_turn", "cancelled", TurnInterruptedError.code))


@dataclass
class ChaosResult:
    """All that a run found.

    ``unfinished`` counts clients that had not come to their end in time; ``outcomes`` how prompts ended;
    ``failures`` says what else went wrong.
    """

    sessions: int
    watchers: int
    planned: int
    seconds: float
    unfinished: int
    recoveries: Recoveries
    returns: int
    outcomes: Mapping[str, int]
    refusals: Mapping[str, int]
    report: Report
    failures: Sequence[str] = ()

    @property
    def lost(self) -> int:
        """Updates, entries and sessions that are not where they should be."""
        return self._count(_LOST)

    @property
    def doubled(self) -> int:
        """Updates that are there twice, and prompts that ran twice."""
        return self._count(_DOUBLED)

    @property
    def reordered(self) -> int:
        """Updates out of their order."""
        return self._count(_REORDERED)

    @property
    def unanswered(self) -> int:
        """Prompts without an outcome."""
        return self._count(_UNANSWERED)

    @property
    def other(self) -> int:
        """All other broken promises."""
        return self.report.total - self._count(tuple(_NAMED))

    @property
    def failed(self) -> int:
        """Prompts that were refused for good, which none should be."""
        return sum(number for outcome, number in self.outcomes.items() if outcome not in _HARMLESS)

    @property
    def is_clean(self) -> bool:
        """Whether every promise was kept, and every client came to its end."""
        return not (self.report.total or self.unfinished or self.failed or self.failures)

    def _count(self, rules: Sequence[Rule]) -> int:
        return sum(self.report.counts[rule] for rule in rules)


def rows(result: ChaosResult) -> list[tuple[str, str]]:
    """The table."""
    kills = result.recoveries.kills
    by_kind = ", ".join(f"{kind} {number}" for kind, number in sorted(kills.items()))
    return [
        ("kills", f"{kills.total()} of {result.planned} planned: {by_kind}"),
        ("sessions", f"{result.sessions:,}, {result.watchers:,} of them watched by a second client"),
        ("prompts", _listed(result.outcomes)),
        ("refused with the advice to repeat", _listed(result.refusals)),
        ("connections lost and made anew", f"{result.returns:,}"),
        ("updates said by the agent", f"{result.report.said:,}"),
        ("entries in the journal", f"{result.report.entries:,}"),
        ("messages received by clients", f"{result.report.received:,}"),
        ("lost", f"{result.lost:,}"),
        ("doubled", f"{result.doubled:,}"),
        ("reordered", f"{result.reordered:,}"),
        ("unanswered", f"{result.unanswered:,}"),
        ("other broken promises", f"{result.other:,}"),
        ("prompts that failed", f"{result.failed:,}"),
        *(("failure", failure) for failure in result.failures),
        ("clients that did not come to their end", f"{result.unfinished:,}"),
        *_recovery_rows(result.recoveries),
    ]


def _recovery_rows(recoveries: Recoveries) -> list[tuple[str, str]]:
    found = []
    for kind in (None, *sorted(recoveries.seconds)):
        p50, p99, most = (recoveries.quantile_s(fraction, kind) for fraction in (0.5, 0.99, 1.0))
        if p50 is None or p99 is None or most is None:
            continue
        name = "recovery p50 / p99 / longest" if kind is None else f"… of those hit by {kind}"
        number = sum(len(values) for one, values in recoveries.seconds.items() if kind in (None, one))
        found.append((name, f"{p50:.2f} s / {p99:.2f} s / {most:.2f} s ({number:,})"))
    return found


def _listed(counts: Mapping[str, int]) -> str:
    total = f"{sum(counts.values()):,}"
    kinds = ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))
    return f"{total}: {kinds}" if kinds else total


def section(facts: Mapping[str, str], result: ChaosResult) -> str:
    """The section of the page."""
    listed = "\n".join(f"- {name}: {value}" for name, value in facts.items())
    table = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows(result))]
    return f"{listed}\n\n" + "\n".join(table)


def write_section(page: Path, text: str) -> None:
    """Replace what stands between the markers of ``page``; raises SettingsError where they are not there."""
    before = page.read_text() if page.exists() else ""
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SettingsError(f"{page} has no section between {BEGIN!r} and {END!r}")
    page.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}")
