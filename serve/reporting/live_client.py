"""One client of live events, however it is connected: what it has seen, and what comes next for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Final

from actors import errors
from actors.events.client import EventsClient
from serve.reporting import live_messages
from serve.reporting.feed_follower import Batch, FeedFollower, Followers, Position
from serve.reporting.live_messages import LiveMessage

log = logging.getLogger("lumilink.reporting")

MAX_WATCHING: Final = 500
WAIT_S: Final = 15.0
AGAIN_S: Final = 1.0

_followers: Final = Followers(EventsClient())


def followers() -> Followers:
    """Those of this process; a function, since Serve copies a deployment's globals by value."""
    return _followers


class LiveClient:
    """Gets all events after ``position``; without one, those from now on."""

    def __init__(self, follower: FeedFollower, position: Position | None) -> None:
        self._follower = follower
        self._position = position
        self._resumed = asyncio.Event()

    def resume(self, position: Position) -> None:
        """Go on from another position."""
        self._position = position
        self._resumed.set()

    async def messages(self) -> AsyncGenerator[LiveMessage | None, None]:
        """All messages for it, without end; None is a moment at which there is nothing to say."""
        yield live_messages.connected()
        while True:
            position = self._position
            if position is None:
                yield await self._begin()
                continue
            self._resumed.clear()
            batch = await self._next(position)
            if self._resumed.is_set():
                continue
            self._position = batch.after
            for message in live_messages.messages_of(batch):
                yield message
                if self._resumed.is_set():
                    break
            if not batch.events and not batch.lost:
                yield None

    async def _begin(self) -> LiveMessage | None:
        """Take the end of the feed as position, unless the client names another first."""
        end = await self._follower.end(WAIT_S)
        if end is None or self._resumed.is_set():
            return None
        self._position = end
        return live_messages.at_position(end)

    async def _next(self, position: Position) -> Batch:
        """What follows on a position; empty where a while has passed, or the client has resumed."""
        loop = asyncio.get_running_loop()
        following = loop.create_task(self._follower.after(position, WAIT_S))
        resuming = loop.create_task(self._resumed.wait())
        try:
            await asyncio.wait({following, resuming}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                return following.result()
        except errors.LumiLinkError as error:
            log.warning("a client waits for events: %s", error)
            await asyncio.sleep(AGAIN_S)
        finally:
            following.cancel()
            resuming.cancel()
        return Batch((), position)
