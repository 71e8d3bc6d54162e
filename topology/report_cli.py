"""``lumilink report``: a month's service levels; ``lumilink analytics``: what Kafka has not taken."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from topology import credential, operate
from topology import settings as topology_settings
from topology.data_directory import records_url
from topology.exits import exits

_FILE = click.Path(dir_okay=False, path_type=Path)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_SHOWN: Final = 20
"""Dead letters of a listing."""


@click.command()
@click.option("--month", metavar="YYYY-MM", help="Which, in UTC.  [this one]")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The gateway.")
@click.option(
    "--key-file",
    type=_FILE,
    help=f"File with the API key or token to show; else ${credential.VARIABLE}. Its installation is shown.",
)
@_JSON
@exits
def report(month: str | None, url: str, key_file: Path | None, as_json: bool) -> int:
    """Show the service levels of a month: availability, success and latency."""
    gateway = operate.Gateway(url, credential.credential(key_file))
    path = "/api/v1/service-levels" + (f"?month={month}" if month else "")
    found = gateway.ask("GET", path)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        operate.show(_levels(found), _verdict(found))
    return 0


@click.command()
@click.option("--config", type=_FILE, help="Settings file (TOML).")
@click.option("--data-dir", type=click.Path(file_okay=False, path_type=Path), help="The data directory.")
@click.option("--installation", metavar="I", help="With --replay-dead-letters: only those of this one.")
@click.option("--replay-dead-letters", "replay", is_flag=True, help="Have them sent again.")
@_JSON
@exits
def analytics(
    config: Path | None, data_dir: Path | None, installation: str | None, replay: bool, as_json: bool
) -> int:
    """Show what waits for Kafka, and what it refused; the gateway may be running."""
    given: dict[str, object] = {} if data_dir is None else {"data_dir": data_dir}
    settings = topology_settings.load(config, given)
    found = asyncio.run(_outbox(settings, installation, replay=replay))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return 0
    if replay:
        click.echo(f"{found['replayed']} dead letters wait to be sent again")
    since = f", the first since {found['oldest']}" if found["oldest"] else ""
    click.echo(f"{found['waiting']} messages wait{since}; {found['dead']} are dead letters")
    if found["deadLetters"]:
        Console().print(_dead_letters(found["deadLetters"]))
    return 0


async def _outbox(
    settings: topology_settings.Settings, installation: str | None, *, replay: bool
) -> dict[str, Any]:
    # The database's library is large, and no other command here needs it.
    from actors.records import RecordStore  # noqa: PLC0415
    from actors.records.outgoing import OutgoingBox  # noqa: PLC0415

    store = await RecordStore.open(records_url(settings.records, settings.data_dir))
    try:
        box = OutgoingBox(store.database)
        replayed = await box.replay(installation) if replay else 0
        figures = await box.figures()
        dead = await box.dead_letters(_SHOWN)
    finally:
        await store.close()
    return {
        "waiting": figures.waiting,
        "oldest": figures.oldest.isoformat(timespec="seconds") if figures.oldest else None,
        "dead": figures.dead,
        "replayed": replayed,
        "deadLetters": [
            {
                "installationId": one.installation_id,
                "eventId": one.message_id,
                "name": one.name,
                "bytes": one.size,
                "refusedAt": one.refused_at.isoformat(timespec="seconds"),
                "reason": one.reason,
            }
            for one in dead
        ],
    }


def _levels(found: operate.Answer) -> Table:
    table = Table("", "all", "ACP", "HTTP", title=f"Service levels of {found['month']}")
    columns = (found["all"], found["byProtocol"]["acp"], found["byProtocol"]["http"])
    rows = (
        ("availability", [_share(one["availability"]) for one in columns]),
        ("hours used", [f"{one['usedMs'] / 3_600_000:.1f}" for one in columns]),
        ("minutes unavailable", [f"{one['downMs'] / 60_000:.1f}" for one in columns]),
        ("turns", [str(one["turns"]) for one in columns]),
        ("that did not fail", [_share(one["successRate"]) for one in columns]),
        ("length of a turn, mean", [_seconds(one["meanTurnMs"]) for one in columns]),
    )
    for name, values in rows:
        table.add_row(name, *values)
    latency = found["latencyP95Ms"]
    table.add_row("latency of an operation, p95", "", _seconds(latency["acp"]), _seconds(latency["http"]))
    return table


def _verdict(found: operate.Answer) -> str:
    if found["isMet"] is None:
        return "nothing was used, or nothing was counted"
    word = ("is" if found["isOver"] else "is so far") + (" met" if found["isMet"] else " missed")
    left = found["budgetLeftMs"] / 60_000
    return f"the target, {found['target']:.1%}, {word}; {left:.1f} minutes of unavailability are left"


def _dead_letters(rows: list[dict[str, Any]]) -> Table:
    table = Table("event", "bytes", "refused at", "reason")
    for row in rows:
        table.add_row(row["eventId"], str(row["bytes"]), row["refusedAt"], row["reason"])
    return table


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3%}"


def _seconds(ms: float | None) -> str:
    return "-" if ms is None else f"{ms / 1000:.2f} s"
