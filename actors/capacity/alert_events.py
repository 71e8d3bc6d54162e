"""What an alert's change is in the feed: the alert itself, and a toast."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from actors.capacity.alerts import AlertChange
from actors.events.contract import LiveEvent, live_event, toast
from actors.events.wording import sentence
from actors.protocol.capacity_alert import EVENT_OF


def events_of(change: AlertChange, at: int, recipients: Iterable[str] = ()) -> list[LiveEvent]:
    """The events of a change that came about at ``at``, epoch milliseconds.

    Besides whose it is, ``recipients`` get them, too; channels tell of it once.
    """
    found = _events(change, at)
    for installation in recipients:
        if installation != change.alert.installation_id:
            theirs = replace(change.alert, installation_id=installation)
            copies = _events(AlertChange(change.state, theirs), at)
            found += [replace(event, copy=True) for event in copies]
    return found


def _events(change: AlertChange, at: int) -> list[LiveEvent]:
    alert = change.alert
    event_id = f"{alert.alert_id}:{change.state}"
    severity = "info" if change.state == "resolved" else alert.trigger
    told = {"severity": severity, "alertId": alert.alert_id}
    return [
        live_event(EVENT_OF[change.state], alert.installation_id, alert, at, event_id),
        toast(alert.installation_id, sentence(change.state, alert), told, at, f"{event_id}:toast"),
    ]
