"""``python -m loadtests.locust``: one profile, its table, and exit status 1 where a target was missed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from actors.errors import LumiLinkError
from loadtests.locust.outcome import Outcome, Steady
from loadtests.locust.plan import Profile
from loadtests.locust.profiles import PROFILES, find_profile
from loadtests.locust.run import Run, RunResult, run
from loadtests.locust.targets import all_kept
from loadtests.measure import end_on_sigterm
from loadtests.targets import SERVER

_WIDTH: Final = 110


@click.command()
@click.option("--profile", "name", default="smoke", show_default=True, type=click.Choice(list(PROFILES)))
@click.option(
    "--workers",
    default=0,
    show_default=True,
    type=click.IntRange(0, 64),
    help="Processes of Locust besides its master; 0 is one process alone.",
)
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write Locust's HTML report.")
def main(name: str, workers: int, report: Path | None) -> None:
    """Load a gateway of its own by a profile, and hold the outcome against the profile's targets."""
    end_on_sigterm()
    profile = find_profile(name)
    try:
        result = run(Run(profile, workers, report.resolve() if report else None))
    except (LumiLinkError, OSError) as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None
    _show(profile, result)
    sys.exit(0 if all_kept(result.verdicts) else 1)


def _show(profile: Profile, result: RunResult) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(_events(result.outcome))
    table = Table("target", "found", "", title=f"{profile.name}: {profile.about}")
    for verdict in result.verdicts:
        table.add_row(verdict.claim, verdict.found, verdict.ruling)
    console.print(table)
    for failure in result.outcome.failures:
        console.print(f"failed: {failure.event}: {failure.code}, {failure.times:,} times")
    for crash, times in result.outcome.crashes.items():
        console.print(f"crashed: {crash}, {times:,} times")
    if result.outcome.steady is not None:
        console.print(f"cores while all were there: {_cores(result.outcome.steady)}")


def _cores(steady: Steady) -> str:
    by_role = sorted(steady.cores.items())
    return ", ".join(f"{role} {cores:.2f}" for role, cores in by_role if role != SERVER)


def _events(outcome: Outcome) -> Table:
    table = Table("event", "times", "failed", "p50, ms", "p95, ms", "p99, ms", "longest, ms")
    for one in sorted(outcome.counted, key=lambda one: str(one.event)):
        times = (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms)
        counts = (f"{one.times:,}", f"{one.failures:,}")
        table.add_row(str(one.event), *counts, *(f"{value:,.0f}" for value in times))
    return table


if __name__ == "__main__":
    main()
