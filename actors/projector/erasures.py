"""An installation's erasures, as records: their receipts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from actors.errors import InvalidParamsError
from actors.journal.contract import Entry
from actors.projector.derived import Derived
from actors.projector.messages import parsed
from actors.projector.state import StreamState
from actors.projector.streams import Address
from actors.records.models import Erasure, checked
from actors.retention.contract import RECEIPT


class ErasureProjection:
    """Of one installation. Its entries are records already, so each stands for itself."""

    has_waiting = False
    has_counted = False

    def __init__(self, address: Address, epoch: str, state: StreamState) -> None:
        self.address = address
        self.epoch = epoch
        self.state = state

    def project(self, entries: Sequence[Entry], applied: int, _tell_after: int, derived: Derived) -> None:
        """See ``SessionProjection.project``; nobody is told."""
        for entry in entries:
            if entry.seq > applied and entry.kind == RECEIPT:
                derived.attempt(entry, partial(self._receipt, entry, derived))

    def _receipt(self, entry: Entry, derived: Derived) -> None:
        record = checked(Erasure, parsed(entry.payload))
        if record.installation_id != self.address.installation:
            raise InvalidParamsError("installationId: is not that of the stream")
        derived.put(entry.seq, record)

    def flush(self, seq: int, derived: Derived) -> None:
        """Nothing of it waits."""

    def break_off(self, derived: Derived) -> None:
        """Each entry stands for itself."""
