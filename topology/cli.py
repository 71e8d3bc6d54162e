"""The command line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click
import httpx
from rich.console import Console
from rich.table import Table

from actors import errors
from topology import settings as topology_settings

DEFAULT_URL = "http://127.0.0.1:8000"
STATUS_TIMEOUT_S = 5.0

P = ParamSpec("P")

_FILE = click.Path(dir_okay=False, path_type=Path)


def _exits(command: Callable[P, int]) -> Callable[P, None]:
    """End the process with the command's code; an error of ours is told with what to do about it."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except errors.LumiLinkError as error:
            click.echo(f"lumilink: {error.detail}", err=True)
            click.echo(error.recovery, err=True)
            code = 2 if isinstance(error, errors.SettingsError) else 1
        sys.exit(code)

    return run


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lumilink")
def main() -> None:
    """LumiLink: the runtime that fleets of coding agents run on."""


@main.command()
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings file (TOML).")
@click.option("--host", help="Address that clients connect to.  [127.0.0.1]")
@click.option("--port", type=int, help="Port that clients connect to.  [8000]")
@click.option(
    "--agent", metavar="TARGET", help="ws://…/acp, http://…/acp or stdio:COMMAND ARGS.  [example agent]"
)
@click.option("--workers", type=int, help="Worker processes.  [1]")
@click.option("--sessions-per-worker", type=int, help="Sessions that a worker takes.  [1000]")
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="What must last.  [.lumilink]"
)
@_exits
def up(config: Path | None, **flags: object) -> int:
    """Start a gateway here; prints `ready http://HOST:PORT` once it serves."""
    from topology import up as topology_up

    given = {name: value for name, value in flags.items() if value is not None}
    return topology_up.run(topology_settings.load(config, given))


@main.command()
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The gateway.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_exits
def status(url: str, as_json: bool) -> int:
    """Show a gateway's workers and ingress replicas."""
    try:
        answer = httpx.get(f"{url.rstrip('/')}/api/v1/topology", timeout=STATUS_TIMEOUT_S)
        found = answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise errors.GatewayUnreachableError(f"no gateway answers at {url}: {error}") from None
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0
    table = Table("worker", "state", "sessions", "capacity", "memory", "pid", "node")
    for worker in found["workers"]:
        memory = f"{worker['rssBytes'] / 1e6:.0f} MB"
        row = (worker["workerId"], worker["state"], worker["sessions"], worker["capacity"], memory)
        table.add_row(*map(str, row), str(worker["pid"]), worker["node"])
    Console().print(table)
    Console().print(f"ingress replicas: {len(found['ingress'])}")
    return 0


@main.command()
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The gateway.")
@click.option("--session", "session_id", metavar="ID", help="Go on with this session.")
@_exits
def chat(url: str, session_id: str | None) -> int:
    """Talk to an agent in the terminal."""
    from topology.chat import run_chat

    return asyncio.run(run_chat(url, session_id))


@main.command()
@click.option("--url", default=DEFAULT_URL, show_default=True, help="The gateway.")
@_exits
def connect(url: str) -> int:
    """Be an agent on stdin and stdout, for editors that start agents themselves."""
    from topology.connect import run_connect

    return asyncio.run(run_connect(url))


@main.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".lumilink"),
    show_default=True,
    help="The gateway's data directory.",
)
@click.option("--journal", type=_FILE, help="The journal's file instead.")
@click.option("--agents", multiple=True, type=_FILE, help="What agents recorded; repeatable.")
@click.option("--clients", multiple=True, type=_FILE, help="What clients recorded; repeatable.")
@click.option("--live", is_flag=True, help="The gateway is up: not all has come to its end.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_exits
def verify(
    data_dir: Path,
    journal: Path | None,
    agents: tuple[Path, ...],
    clients: tuple[Path, ...],
    live: bool,
    as_json: bool,
) -> int:
    """Check a journal's history for anything lost, doubled or out of order; exit code 1 if there is."""
    from topology.data_directory import JOURNAL
    from topology.verify import Evidence, run_verify

    evidence = Evidence(journal or data_dir / JOURNAL, agents, clients)
    return asyncio.run(run_verify(evidence, live=live, as_json=as_json))


if __name__ == "__main__":
    main()
