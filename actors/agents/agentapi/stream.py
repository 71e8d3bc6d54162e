"""AgentAPI's event stream, opened again whenever it breaks.

Each time it begins with the whole state: messages, then the status, then errors that were kept. Who listens
knows the messages by their numbers; of the errors, those are dropped here that are old or were told before.
There are no heartbeats and no cursor, and a reader that falls behind is cut off: opening the stream again
mends that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from actors.agents.agentapi.client import AgentApiClient
from actors.agents.agentapi.events import AgentEvent, AgentFault, StatusChange, read_event
from actors.agents.agentapi.patience import Patience
from actors.agents.sse import EventReader
from actors.errors import AgentClosedError, AgentProtocolError, AgentUnreachableError

log = logging.getLogger("lumilink.agent")

_MAX_FAULTS: Final = 256
"""The server keeps 100."""


class EventStream:
    """Listens on behalf of one link. ``hear`` is told each event that is not old."""

    def __init__(
        self,
        client: AgentApiClient,
        hear: Callable[[AgentEvent], None],
        max_event_bytes: int,
        lost_after_s: float,
        patience: Patience,
    ) -> None:
        self._client = client
        self._hear = hear
        self._max_event_bytes = max_event_bytes
        self._lost_after_s = lost_after_s
        self._patience = patience
        self._reading = asyncio.Event()
        self._reading.set()
        self._began: datetime | None = None
        self._told: dict[AgentFault, None] = {}
        self._open_until = 0.0
        self._listening: asyncio.Task[None] | None = None
        self._state_told = asyncio.Event()

    def pause(self) -> None:
        """Take nothing more from the socket."""
        self._reading.clear()

    def resume(self) -> None:
        """Read again."""
        self._reading.set()

    async def refresh(self, within_s: float) -> bool:
        """Have the whole state told anew, and all that came before it dropped.

        That alone is in order with what is heard: an answer to a request would overtake the stream, whose
        older events would then look like changes. False if it was not told within ``within_s`` seconds, or
        cannot be because nothing is read.
        """
        if not self._reading.is_set():
            return False
        self._state_told.clear()
        if self._listening is not None:
            self._listening.cancel()
        try:
            async with asyncio.timeout(within_s):
                await self._state_told.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Listen until cancelled.

        Raises AgentClosedError if the stream stays broken for ``lost_after_s`` seconds, FrameTooLargeError
        for an event that is too large, and AgentProtocolError if there is no such stream at all.
        """
        pause = self._patience.redial_s
        self._open_until = _now()
        while True:
            before = self._open_until
            if await self._listen_once():
                continue
            if self._open_until > before:
                pause = self._patience.redial_s
            if _now() - self._open_until > self._lost_after_s:
                raise AgentClosedError(f"the agent's event stream was away for {self._lost_after_s:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._patience.longest_redial_s)

    async def _listen_once(self) -> bool:
        """One stream, from its beginning to its end; true if it was ended for the sake of a new one."""
        task = self._listening = asyncio.get_running_loop().create_task(self._listen())
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait((task,))
            raise
        if task.cancelled():
            return True
        error = task.exception()
        if isinstance(error, AgentUnreachableError):
            log.info("the event stream broke: %s", error)
        elif error is not None:
            raise error
        return False

    async def _listen(self) -> None:
        async with self._client.events() as response:
            if self._began is None:
                self._began = _date_of(response)
            is_told = False
            try:
                async for event in self._events(response):
                    if not is_told and isinstance(event, StatusChange):
                        is_told = True
                        self._state_told.set()
            finally:
                if is_told:  # a stream that ends before that is of no use
                    self._open_until = _now()

    async def _events(self, response: httpx.Response) -> AsyncIterator[AgentEvent | None]:
        reader = EventReader(self._max_event_bytes)
        async for chunk in response.aiter_bytes():
            await self._reading.wait()
            for data in reader.feed(chunk):
                yield self._take(data)

    def _take(self, data: bytes) -> AgentEvent | None:
        try:
            event = read_event(data)
        except AgentProtocolError as error:
            log.warning("%s", error)
            return None
        if event is not None and not (isinstance(event, AgentFault) and self._is_old(event)):
            self._hear(event)
        return event

    def _is_old(self, fault: AgentFault) -> bool:
        if fault in self._told:
            return True
        self._told[fault] = None
        if len(self._told) > _MAX_FAULTS:
            del self._told[next(iter(self._told))]
        # Both times are the server's, so its clock need not agree with ours.
        return fault.time is not None and self._began is not None and fault.time < self._began


def _date_of(response: httpx.Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()
