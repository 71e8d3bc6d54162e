"""An installation's feed, as records: its capacity alerts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from actors.analytics.happening import Happened
from actors.errors import InvalidParamsError
from actors.events import record as feed_record
from actors.events.contract import from_entry
from actors.journal.contract import Entry, Head
from actors.projector import metrics
from actors.projector.derived import Derived
from actors.projector.facts import mark_of
from actors.projector.state import StreamState
from actors.projector.streams import Address
from actors.protocol.capacity_alert import STATE_OF
from actors.protocol.capacity_alert import CapacityAlert as Alert
from actors.records.models import CapacityAlert, checked

_UNTOLD: Final = {"installation_id", "workspace_ids", "notified", "notification_channels"}
"""What is said beside, and what is known only later."""


class FeedProjection:
    """Of one feed. An alert's entry tells what became of it, the feed's record who was told meanwhile."""

    has_waiting = False
    has_counted = False

    def __init__(self, address: Address, epoch: str, state: StreamState) -> None:
        self.address = address
        self.epoch = epoch
        self.state = state

    def project(self, entries: Sequence[Entry], applied: int, _tell_after: int, derived: Derived) -> None:
        """See ``SessionProjection.project``; a feed is told already."""
        for entry in entries:
            if entry.seq > applied and entry.kind in STATE_OF:
                derived.attempt(entry, partial(self._alert, entry, derived))

    def finish(self, head: Head | None, seq: int, derived: Derived) -> None:
        """After the last entry of a page: the alerts as the feed's record has them, if it was read."""
        mark = mark_of(head.meta) if head is not None else b""
        if head is None or mark == self.state.meta_mark:
            return
        as_of = Entry(self.address.stream, seq, "record", b"", 0)
        derived.attempt(as_of, partial(self._alerts, head.meta, seq, derived))
        self.state.meta_mark = mark

    def _alert(self, entry: Entry, derived: Derived) -> None:
        alert = msgspec.json.decode(from_entry(entry).data, type=Alert)
        record = self._record(alert)
        derived.put(entry.seq, record)
        became = STATE_OF[entry.kind]
        if became == "opened":
            metrics.count_one(derived, entry, record.installation_id, None, metrics.CAPACITY_ALERTS)
        told = record.model_dump(mode="json", by_alias=True, exclude=_UNTOLD)
        derived.note(entry, Happened.CAPACITY_ALERT, {"state": became, **told})

    def _alerts(self, meta: bytes | None, seq: int, derived: Derived) -> None:
        for alert in feed_record.decode(meta).alerts:
            derived.put(seq, self._record(alert))

    def _record(self, alert: Alert) -> CapacityAlert:
        if alert.installation_id != self.address.installation:
            raise InvalidParamsError("installationId: is not that of the feed")
        return checked(CapacityAlert, msgspec.to_builtins(alert))

    def flush(self, seq: int, derived: Derived) -> None:
        """Nothing of a feed waits."""

    def break_off(self, derived: Derived) -> None:
        """Each entry stands for itself."""
