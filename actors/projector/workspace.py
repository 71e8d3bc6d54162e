"""A workspace's stream, as records: rollbacks and migrations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, TypeVar

from actors.analytics.happening import Happened
from actors.errors import InvalidParamsError
from actors.journal.contract import Entry
from actors.migration.streams import EntryKind
from actors.projector import live, metrics
from actors.projector.connections import container_record
from actors.projector.derived import Derived, note_in
from actors.projector.messages import parsed
from actors.projector.state import StreamState
from actors.projector.streams import Address
from actors.projector.versions import upcast
from actors.records import How
from actors.records.models import ProtocolMigrationLog, Record, RollbackEvent, checked

R = TypeVar("R", bound=Record)

_UNTOLD: Final = {"installation_id", "workspace_id", "error_message", "metrics_snapshot"}
"""What is said beside, and what may hold texts."""


class WorkspaceProjection:
    """Of one workspace. Its entries are records already, so each stands for itself."""

    has_waiting = False
    has_counted = False

    def __init__(self, address: Address, epoch: str, state: StreamState) -> None:
        self.address = address
        self.epoch = epoch
        self.state = state

    def project(self, entries: Sequence[Entry], applied: int, tell_after: int, derived: Derived) -> None:
        """See ``SessionProjection.project``."""
        for entry in entries:
            is_new, is_news = entry.seq > applied, entry.at >= tell_after and entry.seq > self.state.told
            if entry.kind.partition("@")[0] in live.WORKSPACE_KINDS and (is_new or is_news):
                derived.attempt(entry, partial(self._handle, entry, derived, is_new, is_news))
            if is_new:
                derived.moments.append(entry.at)

    def _handle(self, entry: Entry, derived: Derived, is_new: bool, is_news: bool) -> None:
        kind, payload = upcast(entry.kind, entry.payload)
        message = note_in(payload)
        record: RollbackEvent | ProtocolMigrationLog
        if kind == EntryKind.ROLLBACK:
            record = self._own(RollbackEvent, message)
        else:
            record = self._own(ProtocolMigrationLog, message)
        if is_new and isinstance(record, ProtocolMigrationLog) and record.container_id is not None:
            both = {record.from_protocol.value, record.to_protocol.value}
            container = container_record(
                record.installation_id,
                record.workspace_id,
                record.container_id,
                both,
                record.from_protocol.value,
                int(record.started_at.timestamp() * 1000),
            )
            derived.put(entry.seq, container, How.UNITE)
        if is_new:
            derived.put(entry.seq, record)
            self._note(entry, record, derived)
        if is_news:
            data = record.model_dump(mode="json", by_alias=True)
            derived.events.append(live.workspace_event(self.address, self.epoch, entry, data))

    def _note(self, entry: Entry, record: RollbackEvent | ProtocolMigrationLog, derived: Derived) -> None:
        installation, workspace_id = record.installation_id, record.workspace_id
        if isinstance(record, RollbackEvent):
            metrics.count_one(derived, entry, installation, workspace_id, metrics.ROLLBACKS)
            what = Happened.ROLLBACK
        else:
            if record.completed_at is None:
                metrics.count_one(derived, entry, installation, workspace_id, metrics.MIGRATIONS)
            what = Happened.MIGRATION
        about = record.model_dump(mode="json", by_alias=True, exclude=_UNTOLD)
        derived.note(entry, what, about, workspace_id)

    def _own(self, model: type[R], message: bytes) -> R:
        record = checked(model, parsed(message))
        if record.installation_id != self.address.installation:
            raise InvalidParamsError("installationId: is not that of the stream")
        return record

    def flush(self, seq: int, derived: Derived) -> None:
        """Nothing of a workspace waits."""

    def break_off(self, derived: Derived) -> None:
        """Each entry stands for itself."""
