"""The commands of ``lumilink protocol``: by which protocol workspaces work, and how they move."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from actors.migration.policy import Phase
from actors.protocol.agent_protocol import AgentProtocol
from serve.rights.identity import DEFAULT_INSTALLATION
from topology import credential, operate
from topology.exits import exits

_URL = click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The gateway.")
_KEY_FILE = click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"File with the API key or token to show; else ${credential.VARIABLE}.",
)
_INSTALLATION = click.option(
    "--installation", default=DEFAULT_INSTALLATION, show_default=True, help="Whose policy."
)
_WORKSPACE = click.option("--workspace", metavar="ID", help="This workspace, instead of the installation.")
_ONE = click.option("--workspace", metavar="ID", required=True, help="Which workspace.")
_REASON = click.option("--reason", default="", help="Why, for those who read it later.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would come of it.")

_FIELDS: Final = {
    "default_protocol": "defaultProtocol",
    "migration": "migrationEnabled",
    "phase": "phase",
    "scheduled_at": "scheduledAt",
    "share": "share",
    "automatic_rollback": "automaticRollback",
    "threshold": "threshold",
    "min_samples": "minSamples",
    "cool_down_s": "coolDownS",
    "probe_share": "probeShare",
    "fallback": "fallbackEnabled",
}
_PROTOCOL = click.Choice([one.value for one in AgentProtocol])
_PHASE = click.Choice([one.value for one in Phase])
_SUCH_AS: Final = "such as 2030-01-31T08:00:00Z"
_SHARE = click.FloatRange(0.0, 1.0)


@click.group()
def protocol() -> None:
    """See and change by which protocol workspaces work: ACP, or the HTTP of before."""


@protocol.command()
@_WORKSPACE
@_INSTALLATION
@_URL
@_KEY_FILE
@exits
def show(workspace: str | None, installation: str, url: str, key_file: Path | None) -> int:
    """Show an installation's policy, or where a workspace stands."""
    gateway = operate.Gateway(url, credential.credential(key_file))
    _print(gateway.ask("GET", _workspace(workspace) if workspace else _installation(installation)))
    return 0


@protocol.command(name="set")
@_INSTALLATION
@click.option("--default", "default_protocol", type=_PROTOCOL, help="Protocol of new workspaces.")
@click.option("--migration/--no-migration", default=None, help="Whether workspaces on HTTP move to ACP.")
@click.option("--phase", type=_PHASE, help="Which of them.")
@click.option("--scheduled-at", metavar="TIME", help=f"When a scheduled rollout begins, {_SUCH_AS}.")
@click.option("--share", type=_SHARE, help="Share of the workspaces that it reaches.")
@click.option("--automatic-rollback/--no-automatic-rollback", default=None, help="Back to HTTP by itself.")
@click.option("--threshold", type=_SHARE, help="Share of the hour's operations that must succeed.")
@click.option("--min-samples", type=click.IntRange(1), help="Operations that are enough to judge by.")
@click.option(
    "--cool-down", "cool_down_s", type=click.FloatRange(1.0), help="Seconds until ACP is tried again."
)
@click.option("--probe-share", type=_SHARE, help="Share of the sessions that then try it.")
@click.option(
    "--fallback/--no-fallback", default=None, help="Whether sessions that ACP fails go on over HTTP."
)
@_DRY_RUN
@_URL
@_KEY_FILE
@exits
def set_policy(installation: str, dry_run: bool, url: str, key_file: Path | None, **given: object) -> int:
    """Change an installation's policy; what is not named stays as it is."""
    gateway = operate.Gateway(url, credential.credential(key_file))
    path = _installation(installation)
    known = gateway.ask("GET", path)
    wanted = known | {_FIELDS[name]: value for name, value in given.items() if value is not None}
    # Nobody else's change is undone: it is made to the version that was read.
    _print(gateway.ask("PUT", path, wanted, dry_run=dry_run, version=known["version"]))
    return 0


@protocol.command()
@_ONE
@_REASON
@_DRY_RUN
@_URL
@_KEY_FILE
@exits
def rollback(workspace: str, reason: str, dry_run: bool, url: str, key_file: Path | None) -> int:
    """Take a workspace back to HTTP, until somebody returns it."""
    gateway = operate.Gateway(url, credential.credential(key_file))
    path = f"{_workspace(workspace)}/rollback"
    _print(gateway.ask("POST", path, {"reason": reason}, dry_run=dry_run))
    return 0


@protocol.command(name="return")
@_ONE
@click.option("--at", metavar="TIME", help=f"Not now but then, {_SUCH_AS}.")
@_REASON
@_DRY_RUN
@_URL
@_KEY_FILE
@exits
def give_back(
    workspace: str, at: str | None, reason: str, dry_run: bool, url: str, key_file: Path | None
) -> int:
    """Bring a workspace to ACP, now or at a moment."""
    gateway = operate.Gateway(url, credential.credential(key_file))
    body: dict[str, Any] = {"reason": reason} if at is None else {"reason": reason, "at": at}
    _print(gateway.ask("POST", f"{_workspace(workspace)}/return", body, dry_run=dry_run))
    return 0


def _installation(name: str) -> str:
    return f"/api/v1/installations/{quote(name, safe='')}/protocol"


def _workspace(name: str) -> str:
    return f"/api/v1/workspaces/{quote(name, safe='')}/protocol"


def _print(answer: operate.Answer) -> None:
    click.echo(json.dumps(answer, indent=2))
