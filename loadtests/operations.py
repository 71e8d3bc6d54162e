"""One user over each path: an operation is a prompt, from its sending to its end as the user sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

import httpx
import msgspec

from actors.errors import AgentProtocolError
from loadtests.client_session import ClientSession
from loadtests.wire import Orders

OPEN_WITHIN_S: Final = 60.0
_MARK: Final = "@~"


class User(Protocol):
    """Somebody with a session of their own."""

    async def operate(self, orders: Orders) -> None:
        """Prompt, and wait until the last update and the end are here.

        Raises AgentProtocolError if something is missing.
        """


class AcpUser:
    """A session over ACP, on a WebSocket of its own."""

    def __init__(self) -> None:
        self.session = ClientSession()

    async def operate(self, orders: Orders) -> None:
        """A ``session/prompt`` and its answer, which comes after all updates."""
        answer = await self.session.prompt(orders)
        missing = self.session.sequence.missing(self.session.ordered)
        if answer.error is not None or missing:
            raise AgentProtocolError(f"the turn failed or {missing} updates are missing")


class _Event(msgspec.Struct):
    role: str = ""
    message: str = ""
    status: str = ""


class HttpUser:
    """A conversation over AgentAPI: POST, and the stream of events, which is open all the time."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url
        self._http = http
        self._updates = 0
        self._ran = False
        self._over = asyncio.Event()
        self._opened = asyncio.Event()

    async def operate(self, orders: Orders) -> None:
        """A ``POST message``, and the status ``stable`` after the whole message."""
        self._over.clear()
        self._updates, self._ran = 0, False
        body = {"content": orders.text(), "type": "user"}
        answer, _ = await asyncio.gather(
            self._http.post(f"{self._url}/message", json=body, timeout=None), self._over.wait()
        )
        if answer.status_code != httpx.codes.OK or self._updates != orders.updates:
            raise AgentProtocolError(
                f"HTTP {answer.status_code}, {self._updates} of {orders.updates} updates"
            )

    async def read(self) -> None:
        """Read the events for as long as this is not cancelled."""
        async with self._http.stream("GET", f"{self._url}/events", timeout=None) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    self._take(msgspec.json.decode(line[6:], type=_Event))

    async def opened(self) -> None:
        """Wait until the stream has begun."""
        await self._opened.wait()

    def _take(self, event: _Event) -> None:
        if event.role == "agent":
            self._updates = event.message.count(_MARK)
        elif event.status == "running":
            self._ran = True
        elif event.status == "stable":
            self._opened.set()
            if self._ran:
                self._over.set()


@asynccontextmanager
async def acp_users(url: str, count: int, cwd: str) -> AsyncIterator[list[AcpUser]]:
    """So many sessions over ACP."""
    users = [AcpUser() for _ in range(count)]
    try:
        for user in users:
            await user.session.open(url, cwd, OPEN_WITHIN_S)
        yield users
    finally:
        for user in users:
            user.session.close()


@asynccontextmanager
async def http_users(url: str, count: int) -> AsyncIterator[list[HttpUser]]:
    """So many conversations over AgentAPI."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits) as http, asyncio.TaskGroup() as group:
        users = [HttpUser(f"{url}/{number}", http) for number in range(count)]
        reading = [group.create_task(user.read()) for user in users]
        async with asyncio.timeout(OPEN_WITHIN_S):
            for user in users:
                await user.opened()
        yield users
        for task in reading:
            task.cancel()
