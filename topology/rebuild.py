"""``lumilink rebuild``: records derived from the journal again, or what was set aside tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from actors import errors
from actors.connection.sealing import Sealer
from actors.events.contract import LiveEvent
from actors.journal.contract import Journal
from actors.projector.projector import Projector
from actors.projector.replay import replay
from actors.projector.streams import address_of
from actors.records import RecordStore, migrate
from actors.records.batches import AsideEntry
from actors.storage import open_journal
from topology.data_directory import DataDirectory
from topology.settings import Settings

AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Stores:
    """Journal and records of a gateway, which may be running meanwhile."""

    journal: Journal
    records: RecordStore
    sealer: Sealer


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Stores]:
    """The stores that the settings name. Raises SettingsError and JournalUnavailableError."""
    if settings.journal == "memory":
        raise errors.SettingsError("journal: memory ends with its worker, so nothing can be derived from it")
    data = DataDirectory(settings.data_dir)
    if not data.path.is_dir():
        raise errors.SettingsError(f"data_dir: {data.path} is not there")
    url = data.records_url(settings.records)
    await migrate(url)
    journal = await open_journal(data.journal_url(settings.journal), settings.durability)
    try:
        records = await RecordStore.open(url)
        try:
            yield Stores(journal, records, Sealer(data.seal_key()))
        finally:
            await records.close()
    finally:
        await journal.close()


async def rebuild(stores: Stores, installation: str | None) -> int:
    """Clear the records of an installation, or of all, and derive them again; returns how many entries."""
    for one in [installation] if installation is not None else await _installations(stores):
        await stores.records.clear(one)
    projector = Projector(stores.journal, stores.records, _tell_nobody, stores.sealer, only=installation)
    await projector.catch_up()
    return projector.figures().entries


async def try_again(stores: Stores, installation: str | None) -> list[tuple[AsideEntry, bool]]:
    """Try what was set aside again; each entry, and whether it has its records now."""
    found = await stores.records.set_aside(installation)
    tried: list[tuple[AsideEntry, bool]] = []
    for stream, group in groupby(found, key=lambda one: one.stream):
        entries = list(group)
        address = address_of(stream)
        if address is None:
            tried += [(one, False) for one in entries]
            continue
        aside = [one.entry for one in entries]
        left = (await replay(stores.journal, stores.records, address, aside, stores.sealer)).left
        still = {entry.seq for entry in left}
        tried += [(one, one.entry.seq not in still) for one in entries]
    return tried


def run(settings: Settings, installation: str | None, *, set_aside: bool) -> int:
    """Do either and say what came of it; returns the exit code, 1 if something stays set aside."""
    return asyncio.run(_run(settings, installation, set_aside=set_aside))


async def _run(settings: Settings, installation: str | None, *, set_aside: bool) -> int:
    async with opened(settings) as stores:
        if not set_aside:
            entries = await rebuild(stores, installation)
            left = [(one, False) for one in await stores.records.set_aside(installation)]
            click.echo(f"{entries} entries were projected, {len(left)} are set aside")
        else:
            left = await try_again(stores, installation)
            done = sum(is_done for _, is_done in left)
            click.echo(f"{done} entries have their records now, {len(left) - done} stay set aside")
    if left:
        Console().print(_table(left))
    return 0 if all(is_done for _, is_done in left) else 1


def _table(tried: Sequence[tuple[AsideEntry, bool]]) -> Table:
    table = Table("stream", "seq", "kind", "at", "reason", "")
    for one, is_done in tried:
        entry = one.entry
        moment = entry.at.isoformat(timespec="milliseconds")
        word = "recorded" if is_done else "set aside"
        table.add_row(one.stream, str(entry.seq), entry.kind, moment, entry.reason, word)
    return table


async def _installations(stores: Stores) -> list[str]:
    """All that have a stream in the journal, or something in the records."""
    found: set[str] = set()
    after = ""
    while streams := await stores.journal.streams("", after, AT_ONCE):
        found |= {address.installation for one in streams if (address := address_of(one)) is not None}
        after = streams[-1]
    place = ("", "")
    while standings := await stores.records.standings(place, AT_ONCE):
        found |= {one.installation_id for one in standings}
        place = (standings[-1].installation_id, standings[-1].position.stream)
    return sorted(found)


async def _tell_nobody(_events: Sequence[LiveEvent]) -> None:
    """What is derived again was told when it happened."""
