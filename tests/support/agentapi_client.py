"""A client of before: it knows AgentAPI, and of LumiLink nothing but a URL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

Json = dict[str, Any]
DEADLINE_S: Final = 30.0


@dataclass
class Heard:
    """What came on a stream of events: each one's name, id and data, and how many comments."""

    events: list[tuple[str, str | None, Json]] = field(default_factory=list)
    comments: int = 0
    ended: bool = False
    stirred: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def messages(self) -> dict[int, Json]:
        """The newest state of each message, by its id."""
        return {data["id"]: data for name, _, data in self.events if name == "message_update"}

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Role and text of each message, in order."""
        found = self.messages
        return [(found[number]["role"], found[number]["message"]) for number in sorted(found)]

    @property
    def statuses(self) -> list[str]:
        """All statuses, in order."""
        return [data["status"] for name, _, data in self.events if name == "status_change"]

    @property
    def last_id(self) -> str:
        """The newest id."""
        return next((one for _, one, _ in reversed(self.events) if one is not None), "")

    async def until(self, is_so: Callable[[Heard], bool]) -> None:
        """Wait until what was heard is as it should be."""
        async with asyncio.timeout(DEADLINE_S):
            while not is_so(self):
                self.stirred.clear()
                await self.stirred.wait()


class AgentApiClient:
    """``url`` is what would be the agent's own server: ``http://…/sessions/ID``."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.http = http

    async def status(self) -> str:
        """``GET status``."""
        return str((await self.get("status"))["status"])

    async def messages(self) -> list[tuple[str, str]]:
        """``GET messages``: roles and texts."""
        return [(one["role"], one["content"]) for one in (await self.get("messages"))["messages"]]

    async def say(
        self, content: str, kind: str = "user", path: str = "message", **headers: str
    ) -> httpx.Response:
        """``POST message``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.post(path, {"content": content, "type": kind}, named)

    async def get(self, path: str) -> Json:
        """GET something that is there."""
        answer = await self.http.get(f"{self.url}/{path}", timeout=DEADLINE_S)
        found: Json = answer.raise_for_status().json()
        return found

    async def post(
        self, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """POST anything."""
        return await self.http.post(f"{self.url}/{path}", json=body, headers=headers, timeout=DEADLINE_S)

    async def becomes(self, status: str) -> None:
        """Poll the status until it is so, as clients of before do."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.status() != status:
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def events(self, last_event_id: str | None = None) -> AsyncIterator[Heard]:
        """``GET events``, read as long as this is entered."""
        heard = Heard()
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        reading = asyncio.create_task(self._read(heard, opened, last_event_id))
        try:
            async with asyncio.timeout(DEADLINE_S):
                await opened
            yield heard
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, heard: Heard, opened: asyncio.Future[None], last_event_id: str | None) -> None:
        headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        timeout = httpx.Timeout(DEADLINE_S, read=None)
        async with self.http.stream("GET", f"{self.url}/events", headers=headers, timeout=timeout) as answer:
            if answer.status_code != 200:
                await answer.aread()
                opened.set_exception(AssertionError(answer.text))
                return
            opened.set_result(None)
            await _read_events(heard, answer)
        heard.ended = True
        heard.stirred.set()


async def _read_events(heard: Heard, answer: httpx.Response) -> None:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            heard.comments += 1
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        elif fields:
            heard.events.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
            fields = {}
        heard.stirred.set()


async def new_session(gateway_url: str, http: httpx.AsyncClient, cwd: object) -> AgentApiClient:
    """A session that is started over HTTP."""
    answer = await http.post(f"{gateway_url}/sessions", json={"cwd": str(cwd)}, timeout=DEADLINE_S)
    assert answer.status_code == 201, answer.text
    return AgentApiClient(str(answer.json()["url"]), http)
