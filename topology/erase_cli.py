"""``lumilink erase``: having a gateway erase an installation, or what one of its users has opened."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click

from actors import errors
from serve.rights.identity import DEFAULT_INSTALLATION
from topology import credential, operate
from topology.exits import exits

_POLL_S: Final = 0.5
_DONE: Final = "done"


@click.command()
@click.option(
    "--installation", default=DEFAULT_INSTALLATION, show_default=True, help="All of it; the key's own."
)
@click.option("--user", help="Only the sessions that this user has opened.")
@click.option("--dry-run", is_flag=True, help="Only say what there is to erase.")
@click.option("--yes", is_flag=True, help="Do not ask. It cannot be taken back.")
@click.option("--key", "order_key", help="A name for the order: repeated within a day, it is done once.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0.0, 86_400.0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for its end; the gateway goes on after that.",
)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The gateway.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"File with the API key or token to show; else ${credential.VARIABLE}.",
)
@exits
def erase(
    installation: str,
    user: str | None,
    dry_run: bool,
    yes: bool,
    order_key: str | None,
    wait_s: float,
    url: str,
    key_file: Path | None,
) -> int:
    """Erase an installation, or what one of its users has opened; prints the receipt."""
    gateway = operate.Gateway(url, credential.credential(key_file))
    path = f"/api/v1/installations/{quote(installation, safe='')}"
    if user is not None:
        path = f"/api/v1/subjects/{quote(user, safe='')}"
    if not dry_run and not yes:
        whose = f"installation {installation}" if user is None else f"what {user} has opened"
        click.confirm(f"Erase {whose} for good?", abort=True, err=True)
    found = gateway.ask("DELETE", path, dry_run=dry_run, key=order_key or "")
    if not dry_run:
        found = _waited(gateway, found, wait_s)
    click.echo(json.dumps(found, indent=2))
    return 0


def _waited(gateway: operate.Gateway, found: operate.Answer, wait_s: float) -> operate.Answer:
    """The erasure once it is done, or as it stands when the time is over.

    A gateway that is away for a moment goes on with it as soon as it is back.
    """
    deadline = time.monotonic() + wait_s
    while found["state"] != _DONE and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        try:
            found = gateway.ask("GET", f"/api/v1/erasures/{found['erasureId']}")
        except errors.LumiLinkError as error:
            if not error.retryable:
                raise
    return found
