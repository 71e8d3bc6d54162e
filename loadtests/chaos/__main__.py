"""``python -m loadtests.chaos``: the chaos run, its table, and its section of ``docs/reliability.md``."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import uvloop
from rich.console import Console
from rich.table import Table

from actors.errors import LumiLinkError
from loadtests.chaos.kills import USUAL, Victim
from loadtests.chaos.results import ChaosResult, rows, section, write_section
from loadtests.chaos.run import Plan, run_chaos
from loadtests.machine import describe_machine

_PAGE: Final = Path("docs/reliability.md")
_DEFAULT: Final = Plan()


@click.command()
@click.option("--sessions", default=_DEFAULT.sessions, show_default=True, type=click.IntRange(1))
@click.option("--kills", default=_DEFAULT.kills, show_default=True, type=click.IntRange(0))
@click.option("--seed", default=_DEFAULT.seed, show_default=True, help="The same seed plans the same kills.")
@click.option(
    "--duration", default=_DEFAULT.duration_s, show_default=True, help="Seconds that kills come in."
)
@click.option(
    "--quiet", default=_DEFAULT.quiet_s, show_default=True, help="Seconds to come to an end, at most."
)
@click.option(
    "--gap", default=_DEFAULT.gap_s, show_default=True, help="Seconds that kills are apart, at least."
)
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep journal, records, logs here."
)
@click.option(
    "--victim",
    "victims",
    multiple=True,
    type=click.Choice([*map(str, Victim)]),
    help="Kill only these; repeatable.",
)
@click.option("--page/--no-page", default=False, help=f"Write the result into {_PAGE}.")
def main(
    sessions: int,
    kills: int,
    seed: int,
    duration: float,
    quiet: float,
    gap: float,
    keep: Path | None,
    victims: tuple[str, ...],
    page: bool,
) -> None:
    """Kill processes of a gateway under load, and check that nothing was lost; exit code 1 if it was."""
    # The runner knows how to end in order on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    weights = {victim: USUAL[victim] for victim in map(Victim, victims or USUAL)}
    plan = Plan(sessions, kills, seed, duration, quiet, weights=weights, gap_s=gap)
    folder = keep or Path(tempfile.mkdtemp(prefix="lumilink-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(run_chaos(plan, folder))
        _show(result)
        if page:
            write_section(_PAGE, section(_facts(plan, result), result))
    except LumiLinkError as error:
        raise click.ClickException(f"{error} (logs in {folder})") from None
    if keep is None and result.is_clean:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        click.echo(f"journal, records and logs: {folder}")
    sys.exit(0 if result.is_clean else 1)


def _show(result: ChaosResult) -> None:
    table = Table("", "", title="Chaos run", show_header=False)
    for name, value in rows(result):
        table.add_row(name, value)
    Console().print(table)
    for line in result.report.lines():
        click.echo(line)


def _facts(plan: Plan, result: ChaosResult) -> dict[str, str]:
    command = f"python -m loadtests.chaos --sessions {plan.sessions} --kills {plan.kills} --seed {plan.seed}"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        **describe_machine(),
        "command": f"`{command} --duration {plan.duration_s:g}`",
        "took": f"{result.seconds:.0f} s",
    }


if __name__ == "__main__":
    main()
