"""``lumilink agent`` on the command line."""

from __future__ import annotations

import asyncio
import os
import platform
from pathlib import Path
from typing import Final

import click

from topology import credential
from topology.exits import exits

TOKEN: Final = "LUMILINK_TOKEN"  # noqa: S105 - the name of a variable
_KEPT_BACK: Final = frozenset({TOKEN, credential.VARIABLE})
"""What the runner shows to the gateway is not for its agents."""


@click.command()
@click.option("--server", required=True, metavar="URL", help="The gateway, such as https://gateway.example.")
@click.option("--token", help="What to show to it. Others can read it here: better use the next.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"File with the API key or token to show; else ${TOKEN} or ${credential.VARIABLE}.",
)
@click.option("--name", help="What this runner is called.  [this machine's name]")
@click.option(
    "--cwd",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path(),
    help="Where agents are started.  [here]",
)
@click.option("--max-sessions", type=click.IntRange(1, 100), default=4, show_default=True)
@click.option(
    "--drain",
    "drain_s",
    type=click.FloatRange(0.0, 86_400.0),
    default=60.0,
    show_default=True,
    help="Seconds that sessions may go on after SIGTERM.",
)
@click.argument("command", nargs=-1, required=True)
@exits
def agent(
    server: str,
    token: str | None,
    key_file: Path | None,
    name: str | None,
    cwd: Path,
    max_sessions: int,
    drain_s: float,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND, an ACP agent over stdio, for sessions of a gateway that cannot reach this machine."""
    from topology.runner.run import RunnerSettings, run_runner  # noqa: PLC0415 - see topology/cli.py
    from topology.runner.session import AgentCommand  # noqa: PLC0415

    if token:
        click.echo(
            f"lumilink: --token can be read by every user of this machine; use --key-file or ${TOKEN}",
            err=True,
        )
    shown = token or (os.environ.get(TOKEN, "").strip() if key_file is None else "")
    environment = {key: value for key, value in os.environ.items() if key not in _KEPT_BACK}
    settings = RunnerSettings(
        name or platform.node() or "runner",
        AgentCommand(command, str(cwd.absolute()), environment),
        max_sessions,
        drain_s,
    )
    return asyncio.run(run_runner(server, shown or credential.credential(key_file), settings))
