"""Writing what can be written of a batch that the store refuses: one bad record must not keep the others."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.structs import replace

from actors import errors
from actors.projector.derived import log, reason_of
from actors.records import How, RecordStore, SetAside, StreamBatch


async def write_what_can_be(store: RecordStore, batch: StreamBatch) -> bool:
    """Apply a batch, without the records that the store refuses; what their entries say is set aside.

    False if its stream stands elsewhere. Raises JournalUnavailableError.
    """
    try:
        [was_taken] = await store.apply_all([batch])
        return was_taken
    except errors.InvalidParamsError:
        log.warning("%s: its records are written one by one", batch.upto.stream)
    # Each over what is there, as often as need be; only what is added up has to be written exactly once.
    aside = list(batch.aside)
    for change in batch.changes:
        if change.how is How.ADD:
            continue
        try:
            await store.write_again(replace(batch, changes=(change,)))
        except errors.InvalidParamsError as error:
            kind = type(change.record).__name__
            aside.append(SetAside(change.seq, kind, reason_of(error), datetime.now(UTC)))
    added = [change for change in batch.changes if change.how is How.ADD]
    [was_taken] = await store.apply_all([replace(batch, changes=added, aside=aside)])
    return was_taken
