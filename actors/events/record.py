"""The record of a feed: its alerts, and who is still to be told of them. Kept in the stream's ``meta``.

It changes in the same commit as the events do, so that no alert is in the feed and not in here, or told by
nobody, whichever process ends when.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from actors.events.contract import LiveEvent
from actors.protocol.capacity_alert import STATE_OF, AlertState, CapacityAlert

log = logging.getLogger("lumilink.events")

KEPT_ALERTS: Final = 100
"""How many resolved alerts are remembered; the oldest go first."""
MAX_UNTOLD: Final = 200


class Delivery(Struct, frozen=True):
    """An alert as a channel is to tell it."""

    channel: str
    state: AlertState
    alert: CapacityAlert

    @property
    def key(self) -> str:
        """The same for each attempt, so that a receiver can tell a repeat."""
        return f"{self.alert.alert_id}:{self.state}"


class FeedRecord(Struct, frozen=True):
    """``alerts`` in the order of their opening; ``untold`` in the order in which they are to be told."""

    alerts: tuple[CapacityAlert, ...] = ()
    untold: tuple[Delivery, ...] = ()

    def after(self, events: Iterable[LiveEvent], channels: Sequence[str]) -> FeedRecord:
        """The record once these events are in the feed. ``channels`` tell of each alert among them.

        A toast is an event in the feed itself, so it has told of the alert already.
        """
        record = self
        for event in events:
            state = STATE_OF.get(event.name)
            if state is not None:
                alert = msgspec.json.decode(event.data, type=CapacityAlert)
                record = record.with_alert(alert, state, () if event.copy else channels)
        return record

    def told(self, delivery: Delivery, *, reached: bool) -> FeedRecord:
        """The record once a channel is done with an alert, having reached its receiver or given up."""
        untold = tuple(
            one for one in self.untold if (one.channel, one.key) != (delivery.channel, delivery.key)
        )
        if not reached:
            return replace(self, untold=untold)
        alerts = tuple(
            _told_by(alert, delivery.channel) if alert.alert_id == delivery.alert.alert_id else alert
            for alert in self.alerts
        )
        return FeedRecord(alerts, untold)

    def with_alert(self, alert: CapacityAlert, state: AlertState, channels: Sequence[str]) -> FeedRecord:
        """The record once an alert has come to a state."""
        known = {one.alert_id: one for one in self.alerts}
        before = known.get(alert.alert_id)
        told_by = before.notification_channels if before is not None else ()
        alert = _told_by(replace(alert, notification_channels=told_by), "toast")
        known[alert.alert_id] = alert
        untold = (*self.untold, *(Delivery(channel, state, alert) for channel in channels))
        if len(untold) > MAX_UNTOLD:
            log.error("%d alerts are not told any more: too many wait", len(untold) - MAX_UNTOLD)
        return FeedRecord(_newest(known.values()), untold[-MAX_UNTOLD:])


def decode(meta: bytes | None) -> FeedRecord:
    """The record in a stream's ``meta``; an empty one if it has none."""
    return FeedRecord() if meta is None else msgspec.json.decode(meta, type=FeedRecord)


def encode(record: FeedRecord) -> bytes:
    """The record as ``meta``."""
    return msgspec.json.encode(record)


def _told_by(alert: CapacityAlert, channel: str) -> CapacityAlert:
    channels = alert.notification_channels
    if channel not in channels:
        channels = (*channels, channel)
    return replace(alert, notified=True, notification_channels=channels)


def _newest(alerts: Iterable[CapacityAlert]) -> tuple[CapacityAlert, ...]:
    kept = list(alerts)
    resolved = [alert for alert in kept if not alert.is_open]
    for alert in resolved[: max(0, len(resolved) - KEPT_ALERTS)]:
        kept.remove(alert)
    return tuple(kept)
