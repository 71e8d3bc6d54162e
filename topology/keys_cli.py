"""The commands of ``lumilink keys``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serve.rights.identity import DEFAULT_INSTALLATION
from serve.rights.roles import Role
from topology import settings as topology_settings
from topology.data_directory import records_url
from topology.exits import exits

if TYPE_CHECKING:
    from topology.keys import KeyRing

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_CONFIG = click.option("--config", type=_FILE, help="The gateway's settings file (TOML).")
_DATA_DIR = click.option("--data-dir", type=_FOLDER, help="The gateway's data directory.  [.lumilink]")
_INSTALLATION = click.option(
    "--installation", default=DEFAULT_INSTALLATION, show_default=True, help="Whose keys."
)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys; on the machine of the records' database, gateway or no gateway."""


@keys.command()
@_CONFIG
@_DATA_DIR
@_INSTALLATION
@click.option("--user", default="", help="Who uses it.  [nobody in particular]")
@click.option(
    "--role",
    "roles",
    type=click.Choice([role.value for role in Role]),
    multiple=True,
    required=True,
    help="Repeatable.",
)
@click.option("--expires-in", "life", metavar="TIME", help="Such as 90d or 12h.  [never]")
@click.option("--out", type=_FILE, help="A new file for the key, instead of standard output.")
@exits
def create(
    config: Path | None,
    data_dir: Path | None,
    installation: str,
    user: str,
    roles: tuple[str, ...],
    life: str | None,
    out: Path | None,
) -> int:
    """Make a key. It is told this once and never again."""
    ring = _ring(config, data_dir)
    key = ring.create(installation, user, map(Role, roles), life)
    if out is None:
        click.echo(key)
        return 0
    ring.write(out, key)
    click.echo(f"the key is in {out}", err=True)
    return 0


@keys.command("list")
@_CONFIG
@_DATA_DIR
@_INSTALLATION
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@exits
def listed(config: Path | None, data_dir: Path | None, installation: str, as_json: bool) -> int:
    """Show the keys of an installation, without their secrets."""
    ring = _ring(config, data_dir)
    if as_json:
        click.echo(json.dumps(ring.rows(installation), indent=2))
    else:
        ring.show(installation, datetime.now(UTC))
    return 0


@keys.command()
@click.argument("key_id", metavar="ID")
@_CONFIG
@_DATA_DIR
@_INSTALLATION
@exits
def revoke(key_id: str, config: Path | None, data_dir: Path | None, installation: str) -> int:
    """Let the key ID be good no more; what was opened with it is closed within 5 s."""
    _ring(config, data_dir).revoke(installation, key_id)
    click.echo(f"{key_id} is revoked")
    return 0


def _ring(config: Path | None, data_dir: Path | None) -> KeyRing:
    # SQLAlchemy takes a moment to import: only these commands need it.
    from topology.keys import KeyRing  # noqa: PLC0415

    # Of its settings the gateway's host does not matter here, nor what goes with it.
    settings = topology_settings.load(config, {} if data_dir is None else {"data_dir": data_dir})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return KeyRing(records_url(settings.records, settings.data_dir))
