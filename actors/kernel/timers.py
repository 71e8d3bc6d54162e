"""Messages that an actor sends to itself later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from actors.errors import ActorStoppedError, MailboxFullError

RETRY_AFTER_S = 0.05


class Timer:
    """One message for later. ``cancel()`` it as long as it has not been delivered; later is no error."""

    __slots__ = ("_deliver", "_handle", "_loop", "_message", "_owned")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deliver: Callable[[object], None],
        owned: set[Timer],
        delay_s: float,
        message: object,
    ) -> None:
        self._loop = loop
        self._deliver = deliver
        self._owned = owned
        self._message = message
        owned.add(self)
        self._handle: asyncio.TimerHandle | None = loop.call_later(delay_s, self._fire)

    def cancel(self) -> None:
        """Take the message back, unless it is in the mailbox already."""
        if self._handle is not None:
            self._handle.cancel()
        self._end()

    def _fire(self) -> None:
        try:
            self._deliver(self._message)
        except MailboxFullError:  # what an actor counts on must not get lost under load
            self._handle = self._loop.call_later(RETRY_AFTER_S, self._fire)
        except ActorStoppedError:
            self._end()
        else:
            self._end()

    def _end(self) -> None:
        self._handle = None  # it refers back: nothing of a timer is left to the garbage collector
        self._owned.discard(self)
