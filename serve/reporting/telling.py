"""What happens in this process, told as live events, without waiting for the feed."""

from __future__ import annotations

from typing import Final

from actors.events.client import EventsClient
from actors.events.outbox import Outbox

_outbox: Final = Outbox(EventsClient().post)


def outbox() -> Outbox:
    """That of this process; a function, since Serve copies a deployment's globals by value."""
    return _outbox
