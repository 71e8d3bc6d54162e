"""The spine benchmark: what LumiLink's message path carries and costs, beside baselines in the same run.

``python -m loadtests.spine`` measures all targets in rounds, prints a table, holds LumiLink against its
targets and writes the figures into ``docs/performance.md`` and, on request, everything raw into a JSON file.
``--short`` does the same with fewer sessions in under four minutes and writes no page. Every target is
started afresh in every round, and the order turns from round to round.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from actors.errors import SettingsError
from loadtests.figures import rows
from loadtests.machine import describe_machine
from loadtests.measure import Load, end_on_sigterm, ensure_room, run_trial
from loadtests.page import failures, grid, markdown, quiet_note, write_figures
from loadtests.phases import ClosedLoop
from loadtests.results import TrialResult
from loadtests.targets import TARGETS
from loadtests.verdicts import FAST, SLOW, Verdict, judge

_PAGE: Final = Path("docs/performance.md")
_WIDTH: Final = 150  # where there is no terminal to ask


@dataclass(frozen=True)
class Size:
    """How large a run is. No round starts that, judged by the longest so far, would pass ``budget_s``."""

    sessions: int
    closed: int
    rounds: int
    seconds: float
    budget_s: float

    @property
    def load(self) -> Load:
        """What each target gets; the phase that overloads a slow target comes last."""
        phases = (
            f"open:1:{self.seconds:g}",
            f"closed:{self.closed}:{self.seconds:g}",
            f"open:10:{self.seconds:g}",
        )
        return Load(self.sessions, phases)

    @property
    def closed_name(self) -> str:
        """What the closed loop is called in results."""
        return ClosedLoop(self.closed, self.seconds).name

    @property
    def text(self) -> str:
        """This size in words."""
        return (
            f"rounds planned: {self.rounds}, {self.sessions:,} sessions, {self.seconds:g} s measured a phase"
        )


FULL: Final = Size(sessions=1000, closed=100, rounds=5, seconds=8, budget_s=1140)
SHORT: Final = Size(sessions=300, closed=100, rounds=2, seconds=3, budget_s=210)


@dataclass(frozen=True)
class Report:
    """All that a run found."""

    date: str
    machine: dict[str, str]
    size: Size
    rounds_done: int
    trials: list[TrialResult]
    verdicts: list[Verdict]


def run_rounds(size: Size, names: Sequence[str], console: Console) -> list[TrialResult]:
    """All trials; a target's failure is in its trial, and the others go on."""
    start = time.monotonic()
    longest = 0.0
    trials: list[TrialResult] = []
    for number in range(1, size.rounds + 1):
        begun = time.monotonic()
        if begun - start + longest > size.budget_s:
            console.print(f"[yellow]round {number} is left out: {size.budget_s:g} s would not be enough")
            break
        turn = (number - 1) % len(names)
        for name in [*names[turn:], *names[:turn]]:
            trial = run_trial(TARGETS[name], size.load, number)
            trials.append(trial)
            console.print(
                f"round {number}, {TARGETS[name].title}: {trial.failure or trial.note or 'measured'}",
                highlight=False,
            )
        longest = max(longest, time.monotonic() - begun)
    return trials


def measure(size: Size, names: Sequence[str], console: Console) -> Report:
    """Run all rounds and judge them."""
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    machine = describe_machine()
    trials = run_rounds(size, names, console)
    done = len({trial.round for trial in trials})
    return Report(date, machine, size, done, trials, judge(trials, size.sessions, size.closed_name))


def show(report: Report) -> list[Table]:
    """Figures and verdicts as tables for the terminal."""
    header, *lines = table_of(report)
    figures = Table(*header, title="Medians of the rounds (lowest to highest)")
    for line in lines:
        figures.add_row(*line)
    judged = Table("target", "found", "", title="LumiLink against its targets")
    for verdict in report.verdicts:
        judged.add_row(verdict.claim, verdict.figure, "[green]holds" if verdict.passed else "[red]missed")
    return [figures, judged]


def section(report: Report) -> str:
    """Figures and verdicts as the page's section."""
    facts = {"date": report.date, **report.machine, "run": f"{report.size.text}, {report.rounds_done} done"}
    return markdown(facts, table_of(report), report.verdicts, report.trials)


def table_of(report: Report) -> list[list[str]]:
    """All figures as cells, the header first."""
    return grid(report.trials, rows((SLOW, FAST), (report.size.closed_name,)))


def raw(report: Report) -> bytes:
    """Everything that was measured, as JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1)


@click.command()
@click.option("--short", is_flag=True, help="Fewer sessions, two rounds, under four minutes, no page.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds instead of the size's own.")
@click.option("--sessions", type=click.IntRange(1), help="Sessions instead of the size's own.")
@click.option(
    "--target", "names", multiple=True, type=click.Choice(list(TARGETS)), help="Only these; repeatable."
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where the raw results go.")
@click.option(
    "--page", type=click.Path(path_type=Path), help=f"Where the figures go; {_PAGE} after a full run."
)
@click.option("--check", is_flag=True, help="Exit with 1 where a target of LumiLink is missed.")
def main(
    short: bool,
    rounds: int | None,
    sessions: int | None,
    names: Sequence[str],
    json_path: Path | None,
    page: Path | None,
    check: bool,
) -> None:
    """Measure LumiLink's message path beside its baselines."""
    end_on_sigterm()
    size = _sized(SHORT if short else FULL, rounds, sessions)
    if size == FULL and not names:
        page = page or _PAGE
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    try:
        ensure_room(size.sessions)
        report = measure(size, list(names) or list(TARGETS), console)
        console.print(*show(report), quiet_note(report.trials), *failures(report.trials), sep="\n")
        if json_path is not None:
            json_path.write_bytes(raw(report))
        if page is not None:
            write_figures(page, section(report))
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    if check and not all(verdict.passed for verdict in report.verdicts):
        sys.exit(1)


def _sized(base: Size, rounds: int | None, sessions: int | None) -> Size:
    wanted = sessions or base.sessions
    return replace(base, sessions=wanted, closed=min(base.closed, wanted), rounds=rounds or base.rounds)


if __name__ == "__main__":
    main()
