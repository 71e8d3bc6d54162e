"""Entries that were set aside, tried again: by code that knows them by now, or after a store was mended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from actors.connection.sealing import Sealer
from actors.errors import InvalidParamsError
from actors.journal.clock import epoch_ms
from actors.journal.contract import Journal
from actors.projector.derived import reason_of
from actors.projector.streams import Address
from actors.projector.tracked import Tracked
from actors.records import How, RecordStore, SetAside, StreamBatch


class Replayed(Struct, frozen=True):
    """What became of the entries of one stream that were set aside: those that have records now, and not."""

    taken_up: Sequence[SetAside]
    left: Sequence[SetAside]


async def replay(
    journal: Journal, store: RecordStore, address: Address, aside: Sequence[SetAside], sealer: Sealer | None
) -> Replayed:
    """Derive a stream anew from its beginning, and write all that it says from the first of ``aside`` on.

    What comes after an entry that was set aside may have been derived without knowing it, so that is written
    again, too. Where the stream stands does not change. Raises JournalUnavailableError.
    """
    first = min(entry.seq for entry in aside)
    stream, failed, begun_at = Tracked(address, None, sealer), dict[int, SetAside](), None
    while True:
        read = await stream.read(journal, epoch_ms(), is_quiet=begun_at is not None)
        if read is None:
            break
        batch, _ = read
        failed |= {entry.seq: entry for entry in batch.aside}
        failed |= {entry.seq: entry for entry in await _write(store, batch, first)}
        stream.standing = batch.standing
        if not stream.is_behind:
            if begun_at == batch.upto.seq:
                break
            begun_at = batch.upto.seq
    kept_from = (await journal.read(address.stream, 0, limit_entries=1)).first_kept
    gone = [entry for entry in aside if entry.seq < kept_from]
    left = [*gone, *(entry for seq, entry in failed.items() if seq >= kept_from)]
    await store.put_aside_anew(address.installation, address.stream, left)
    still = {entry.seq for entry in left}
    return Replayed([entry for entry in aside if entry.seq not in still], left)


async def _write(store: RecordStore, batch: StreamBatch, first: int) -> list[SetAside]:
    """Write what a page says from ``first`` on, but nothing that is added up; returns what was refused."""
    changes = [one for one in batch.changes if one.seq >= first and one.how is not How.ADD]
    if not changes:
        return []
    try:
        await store.write_again(replace(batch, changes=changes))
    except InvalidParamsError:
        refused = []
        for change in changes:
            try:
                await store.write_again(replace(batch, changes=(change,)))
            except InvalidParamsError as error:
                kind = type(change.record).__name__
                refused.append(SetAside(change.seq, kind, reason_of(error), datetime.now(UTC)))
        return refused
    return []
