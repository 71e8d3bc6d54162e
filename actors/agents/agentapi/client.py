"""AgentAPI's calls over HTTP. Each answers, or fails, within its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import httpx
import msgspec

from actors.agents.agentapi.events import (
    AgentStatus,
    Said,
    read_cause,
    read_messages,
    read_path,
    read_status,
)
from actors.agents.http_client import ensure_reachable, open_client, shown_url
from actors.agents.link import DialOptions
from actors.agents.target import AgentTarget
from actors.errors import (
    AgentProtocolError,
    AgentTimeoutError,
    AgentUnreachableError,
    FrameTooLargeError,
    LumiLinkError,
)

_SCHEME: Final = "agentapi+"
_JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that the server did not serve, and why."""

    status: int
    cause: str


class AgentApiClient:
    """One server. Made by ``open_agentapi``.

    A call raises AgentTimeoutError (not answered in time), AgentUnreachableError (not connected, or cut
    off), FrameTooLargeError (over ``max_frame_bytes``) or AgentProtocolError (not answered as it should be).
    """

    def __init__(self, target: AgentTarget, options: DialOptions) -> None:
        self._label = target.label
        self._http = open_client(target, options)
        self._base = shown_url(target)
        self._max_bytes = options.max_frame_bytes
        # The deadline of a call is its own; a peer that died is found by TCP keepalive.
        self._patience = httpx.Timeout(None, connect=options.connect_timeout_s)

    async def status(self, within_s: float) -> AgentStatus:
        """``GET /status``. Where the agent speaks ACP to its server, this waits for the end of a turn."""
        return read_status(await self._get("/status", within_s))

    async def messages(self, within_s: float) -> list[Said]:
        """``GET /messages``. It may wait as ``status`` does."""
        return read_messages(await self._get("/messages", within_s))

    async def say(self, body: bytes) -> Refusal | None:
        """``POST /message``: answered when work on it begins or, over ACP, ends, which may take hours."""
        return await self._post(body, None)

    async def press(self, keys: str, within_s: float) -> Refusal | None:
        """Send keystrokes to the agent's terminal."""
        return await self._post(msgspec.json.encode({"content": keys, "type": "raw"}), within_s)

    async def upload(self, name: str, content: bytes, within_s: float) -> str:
        """``POST /upload``: where the file is then. AgentAPI takes 10 MiB."""
        form = self._http.build_request("POST", self._url("/upload"), files={"file": (name, content)})
        headers = {"Content-Type": form.headers["Content-Type"]}
        status, body = await self._exchange("POST", "/upload", within_s, form.read(), headers)
        if status != httpx.codes.OK:
            raise self._refused("POST /upload", status, body)
        return read_path(body)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[httpx.Response]:
        """``GET /events``: a stream that is open. What reading it raises is told as the calls' errors are."""
        what, headers = "GET /events", {"Accept": "text/event-stream"}
        request = self._http.build_request(
            "GET", self._url("/events"), headers=headers, timeout=self._patience
        )
        with self._told(what):
            response = await self._http.send(request, stream=True)
            try:
                if response.status_code != httpx.codes.OK:
                    raise self._refused(what, response.status_code, await self._body(what, response))
                yield response
            finally:
                await response.aclose()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    # ------------------------------------------------------------------ within

    async def _get(self, path: str, within_s: float) -> bytes:
        status, body = await self._exchange("GET", path, within_s)
        if status != httpx.codes.OK:
            raise self._refused(f"GET {path}", status, body)
        return body

    async def _post(self, content: bytes, within_s: float | None) -> Refusal | None:
        status, body = await self._exchange("POST", "/message", within_s, content)
        if status == httpx.codes.OK:
            return None
        return Refusal(status, read_cause(body) or f"HTTP {status}")

    async def _exchange(
        self,
        method: str,
        path: str,
        within_s: float | None,
        content: bytes | None = None,
        headers: Mapping[str, str] = _JSON,
    ) -> tuple[int, bytes]:
        what = f"{method} {path}"
        request = self._http.build_request(
            method,
            self._url(path),
            content=content,
            headers={} if content is None else dict(headers),
            timeout=self._patience,
        )
        try:
            async with asyncio.timeout(within_s):
                with self._told(what):
                    response = await self._http.send(request, stream=True)
                    try:
                        return response.status_code, await self._body(what, response)
                    finally:
                        await response.aclose()
        except TimeoutError:
            raise AgentTimeoutError(f"{self._label}: no answer to {what} within {within_s:g} s") from None

    async def _body(self, what: str, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._max_bytes:
                raise FrameTooLargeError(f"{self._label} answered {what} with over {self._max_bytes} bytes")
        return bytes(body)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            # The error itself may quote the URL, so only its kind is told.
            raise AgentUnreachableError(f"{self._label}: {what} broke ({type(error).__name__})") from None

    def _refused(self, what: str, status: int, body: bytes) -> LumiLinkError:
        text = f"{self._label} refused {what} with HTTP {status}: {read_cause(body)}"
        # A server in trouble may be well again soon; one that does not know the call never is.
        return AgentUnreachableError(text) if status >= 500 else AgentProtocolError(text)

    def _url(self, path: str) -> httpx.URL:
        return self._base.copy_with(path=self._base.path.rstrip("/") + path)


async def open_agentapi(target: AgentTarget, options: DialOptions) -> AgentApiClient:
    """The server at ``target``; raises AgentUnreachableError where nothing listens."""
    plain = replace(target, url=target.url.removeprefix(_SCHEME))
    await ensure_reachable(plain, options.connect_timeout_s)
    return AgentApiClient(plain, options)
