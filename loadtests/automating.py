"""A thousand turns end at the same minute, and each becomes a branch, a commit and a pull request.

``python -m loadtests.automating`` (with ``tests`` on PYTHONPATH) starts the tests' stand-in of GitHub, an
agent that changes files, and a gateway with automation. Each session has a checkout of its own; others only
stream, and are watched before and meanwhile. Ends with 1 where a run is lost or done twice, or where calls
go on after a limit was reached.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
import psutil
import uvloop

from actors.errors import LumiLinkError
from loadtests.automating_figures import Figures
from loadtests.automating_forge import TOKEN, ForgeAccount, forge_command, make_checkouts
from loadtests.automating_load import FORGE, Plan, Stack, drive
from loadtests.limits import ensure_open_files
from loadtests.measure import end_on_sigterm, settled
from loadtests.processes import free_port, launched
from loadtests.targets import AGENT, LUMILINK, SERVER
from loadtests.watch import OWN_ROLE

_READY_WITHIN_S: Final = 30.0


def measure(plan: Plan) -> Figures:
    """Start all of it, measure, and stop it. Raises an error of ours where something does not start."""
    with ExitStack() as running:
        folder = Path(
            running.enter_context(
                tempfile.TemporaryDirectory(prefix="lumilink-automating-", ignore_cleanup_errors=True)
            )
        )
        home = folder / "forge"
        forge = running.enter_context(launched(FORGE, forge_command(home), folder))
        account = ForgeAccount(forge.wait_ready(_READY_WITHIN_S)[0], home)
        places = make_checkouts(account, folder, plan.sessions, plan.repositories)
        places += _plain_folders(folder, plan.streams)
        account.limit(plan.calls, plan.contents)
        program = [sys.executable, "-m", "loadtests.automating_agent"]
        agent = running.enter_context(launched(AGENT, program, folder))
        agent_url, _ = agent.wait_ready(_READY_WITHIN_S)
        command = _gateway_command(plan, account, agent_url, folder)
        gateway = running.enter_context(launched(LUMILINK.name, command, folder, LUMILINK.stop_within_s))
        url, _ = gateway.wait_ready(LUMILINK.ready_within_s)
        found = settled(lambda: LUMILINK.roles(gateway, url))
        roles = {role: pids for role, pids in found.items() if role != SERVER}
        roles |= {AGENT: [agent.pid], FORGE: [forge.pid], OWN_ROLE: [psutil.Process().pid]}
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(drive(plan, Stack(url, agent_url, roles), account, places))


def _plain_folders(folder: Path, count: int) -> list[Path]:
    folders = [folder / f"stream-{number}" for number in range(count)]
    for one in folders:
        one.mkdir()
    return folders


def _gateway_command(plan: Plan, account: ForgeAccount, agent: str, folder: Path) -> list[str]:
    """How the gateway is started; the token is in its environment, as the settings ask for."""
    assert LUMILINK.command is not None
    settings = {
        "AUTOMATION": "on",
        "AUTOMATION_PARALLEL": str(plan.parallel),
        "GITHUB_URL": account.url,
        "GITHUB_API_URL": f"{account.url}/api/v3",
        "GITHUB_TOKEN": TOKEN,
    }
    room = ["--sessions-per-worker", str(plan.sessions + plan.streams)]
    command = LUMILINK.command(free_port(), agent, folder / "data")
    return ["env", *(f"LUMILINK_{name}={value}" for name, value in settings.items()), *command, *room]


@click.command()
@click.option("--sessions", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--streams", default=100, show_default=True, type=click.IntRange(1))
@click.option("--repositories", default=20, show_default=True, type=click.IntRange(1))
@click.option("--at-once", is_flag=True, help="Send all prompts at once, not over a minute.")
@click.option("--before-s", default=30.0, show_default=True, type=click.FloatRange(1))
@click.option("--limit-s", default=900.0, show_default=True, type=click.FloatRange(1))
@click.option("--parallel", default=4, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--calls-per-minute",
    "calls",
    default=1200,
    show_default=True,
    type=click.IntRange(0),
    help="Primary limit of the stand-in; 0 is none.",
)
@click.option(
    "--contents-per-minute",
    "contents",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Secondary limit, of what is made; 0 is none.",
)
@click.option("--quiet-machine", is_flag=True, help="Nothing else runs here: hold the streams to their goal.")
def main(
    sessions: int,
    streams: int,
    repositories: int,
    at_once: bool,
    before_s: float,
    limit_s: float,
    parallel: int,
    calls: int,
    contents: int,
    quiet_machine: bool,
) -> None:
    """Have all turns end within a minute, and say what came of it; exit code 1 for a promise missed."""
    end_on_sigterm()
    within_s = 0.0 if at_once else 60.0
    plan = Plan(
        sessions,
        streams,
        repositories,
        within_s,
        before_s,
        limit_s,
        parallel,
        calls or None,
        contents or None,
    )
    gc.disable()  # a collection here would be booked to the streams' latency
    try:
        ensure_open_files(4 * (sessions + streams) + 1000)
        figures = measure(plan)
    except (LumiLinkError, OSError, TimeoutError) as error:
        raise click.ClickException(f"{type(error).__name__}: {error}") from None
    print(figures.text())
    misses = figures.misses(is_quiet=quiet_machine)
    for missed in misses:
        print(f"missed: {missed}")
    print("NOT KEPT" if misses else "kept")
    sys.exit(1 if misses else 0)


if __name__ == "__main__":
    main()
