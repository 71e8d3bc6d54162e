"""ACP over POST and server-sent events (remote-transport RFD, "Streamable HTTP"), as its client.

``initialize`` is answered in the response to its POST, which also names the connection. Every other message
is POSTed and accepted with 202; what the agent says comes on event streams, one for the connection and
one for each session. Messages of one stream keep their order; across streams there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx
from msgspec import Raw

from actors.agents.http_client import ensure_reachable, open_client, shown_url
from actors.agents.http_routing import Routing, routing_of
from actors.agents.link import AgentListener, DialOptions, LinkClosed
from actors.agents.outbound import ensure_room
from actors.agents.sse import EventReader
from actors.agents.target import AgentTarget
from actors.errors import AgentClosedError, AgentProtocolError, FrameTooLargeError, MailboxFullError
from actors.protocol import compose

_CONNECTION_ID: Final = "Acp-Connection-Id"
_SESSION_ID: Final = "Acp-Session-Id"
_CONNECTION_STREAM: Final = ""

_MAX_UNSENT: Final = 4096
_MAX_STREAMS: Final = 256
_MAX_OPEN_REQUESTS: Final = 4096

# How long a POST waits for the stream that its answer comes on. Some servers send a stream's headers only
# with its first event, so this must not wait for ever.
_STREAM_OPENS_S: Final = 1.0


async def dial_http(target: AgentTarget, listener: AgentListener, options: DialOptions) -> HttpLink:
    """Reach the agent's endpoint; raises AgentUnreachableError where nothing listens.

    The connection of the protocol comes into being with the first message, which must be ``initialize``.
    """
    await ensure_reachable(target, options.connect_timeout_s)
    return HttpLink(open_client(target, options), shown_url(target), listener, options)


@dataclass(slots=True)
class _Stream:
    """One event stream. ``opened`` becomes true with HTTP 200, false with anything else."""

    opened: asyncio.Future[bool]
    task: asyncio.Task[None]


class HttpLink:
    """An ``AgentLink`` over POST and event streams. Made by ``dial_http``."""

    def __init__(
        self, client: httpx.AsyncClient, url: httpx.URL, listener: AgentListener, options: DialOptions
    ) -> None:
        self._client = client
        self._url = url
        self._listener = listener
        self._options = options
        self._patience = httpx.Timeout(None, connect=options.connect_timeout_s)
        self._connection_id = ""
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(_MAX_UNSENT)
        self._unsent_bytes = 0
        self._reading = asyncio.Event()
        self._reading.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._streams: dict[str, _Stream] = {}
        self._asked: dict[bytes, str] = {}  # the agent's open requests, to the session they belong to
        self._attaching: dict[bytes, str] = {}  # our session/load and session/resume, likewise
        self._leaving: dict[bytes, str] = {}  # our session/close, likewise
        self._closed_by_us = False
        self._cleaning: asyncio.Task[None] | None = None
        self._spawn(self._post_all)

    # -- AgentLink -----------------------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        """Queue one message; see ``AgentLink.send``."""
        if self._cleaning is not None:
            raise AgentClosedError("the HTTP connection to the agent has ended")
        ensure_room(len(frame), self._unsent_bytes, self._options.max_frame_bytes)
        try:
            self._unsent.put_nowait(frame)
        except asyncio.QueueFull:
            raise MailboxFullError(f"{_MAX_UNSENT} messages for the agent wait to be sent") from None
        self._unsent_bytes += len(frame)

    def pause_reading(self) -> None:
        """Take nothing more from the streams; their sockets fill and hold the agent."""
        self._reading.clear()

    def resume_reading(self) -> None:
        """Read again."""
        self._reading.set()

    async def close(self) -> None:
        """End the streams and say DELETE, within ``stop_grace_s``."""
        if self._cleaning is None:
            self._closed_by_us = True
            self._end("closed by us")
        assert self._cleaning is not None
        await asyncio.shield(self._cleaning)

    # -- to the agent --------------------------------------------------------------------------------

    async def _post_all(self) -> None:
        while True:
            frame = await self._unsent.get()
            routing = routing_of(frame)
            if routing.is_initialize:
                await self._initialize(frame)
            else:
                await self._post(frame, routing)
            self._unsent_bytes -= len(frame)

    async def _initialize(self, frame: bytes) -> None:
        response, body = await self._exchange(frame, {})
        connection_id = response.headers.get(_CONNECTION_ID)
        if response.status_code != httpx.codes.OK or not connection_id:
            what = f"HTTP {response.status_code}" + ("" if connection_id else f" without {_CONNECTION_ID}")
            raise AgentClosedError(f"the agent answered initialize with {what}")
        self._connection_id = connection_id
        await self._await_stream(_CONNECTION_STREAM)
        self._deliver(body)

    async def _post(self, frame: bytes, routing: Routing) -> None:
        if not self._connection_id:
            raise AgentClosedError("a message was sent before initialize")
        session_id = await self._session_of(routing)
        response, body = await self._exchange(frame, {_SESSION_ID: session_id} if session_id else {})
        if response.is_success:
            if body.strip():
                self._take(body, session_id)
        else:
            self._refused(response.status_code, routing, session_id)

    async def _session_of(self, routing: Routing) -> str:
        """The session that the POST must name; its stream is open then, for the answer comes on it."""
        if routing.is_answer:
            return self._asked.pop(routing.id, "")
        session_id = routing.params_session
        if not session_id or not (routing.is_session_scoped or routing.attaches):
            return ""
        if routing.method == "session/close":
            self._leaving[routing.id] = session_id
        if not routing.attaches:
            await self._await_stream(session_id)
            return session_id
        # A server that keeps sessions beyond a connection lets us listen before the replay begins. One that
        # does not know the session yet refuses that, and refuses a POST that names it.
        self._attaching[routing.id] = session_id
        return session_id if await self._await_stream(session_id) else ""

    async def _exchange(self, frame: bytes, headers: dict[str, str]) -> tuple[httpx.Response, bytes]:
        headers = self._headers() | headers | {"Content-Type": "application/json"}
        async with self._client.stream("POST", self._url, content=frame, headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._options.max_frame_bytes:
                    raise FrameTooLargeError(
                        f"the agent answered with over {self._options.max_frame_bytes} bytes"
                    )
            return response, bytes(body)

    def _refused(self, status: int, routing: Routing, session_id: str) -> None:
        """A POST was not accepted: the end of the message, or of the link if it is not about the message."""
        self._attaching.pop(routing.id, None)
        self._leaving.pop(routing.id, None)
        what = f"the agent refused {routing.method or 'an answer'} with HTTP {status}"
        of_connection = status in (401, 403) or (status == 404 and not session_id)
        if of_connection or not (400 <= status < 500 or status == httpx.codes.NOT_IMPLEMENTED):
            raise AgentClosedError(what)
        if routing.is_request:
            self._deliver(compose.error_response(Raw(routing.id), AgentProtocolError(what)))
        else:
            self._listener.agent_log(what)

    def _headers(self) -> dict[str, str]:
        return {_CONNECTION_ID: self._connection_id} if self._connection_id else {}

    # -- from the agent ------------------------------------------------------------------------------

    async def _await_stream(self, session_id: str) -> bool:
        """Open a stream unless it is open; false if the agent refuses it."""
        stream = self._open_stream(session_id, needed=session_id == _CONNECTION_STREAM)
        await asyncio.wait({stream.opened}, timeout=_STREAM_OPENS_S)
        return not stream.opened.done() or stream.opened.result()

    def _open_stream(self, session_id: str, *, needed: bool) -> _Stream:
        stream = self._streams.get(session_id)
        if stream is None:
            if len(self._streams) >= _MAX_STREAMS:
                raise AgentClosedError(f"the agent has more than {_MAX_STREAMS} sessions on one connection")
            opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            stream = _Stream(opened, self._spawn(partial(self._read_stream, session_id, opened, needed)))
            self._streams[session_id] = stream
        return stream

    async def _read_stream(self, session_id: str, opened: asyncio.Future[bool], needed: bool) -> None:
        headers = self._headers() | {"Accept": "text/event-stream"}
        if session_id:
            headers[_SESSION_ID] = session_id
        try:
            async with self._client.stream(
                "GET", self._url, headers=headers, timeout=self._patience
            ) as response:
                opened.set_result(response.status_code == httpx.codes.OK)
                if opened.result():
                    await self._read_events(response, session_id)
        finally:
            del self._streams[session_id]
            if not opened.done():
                opened.set_result(False)
        if not opened.result() and needed:
            raise AgentClosedError(f"the agent refused an event stream with HTTP {response.status_code}")
        if opened.result() and session_id not in self._leaving.values():
            raise AgentClosedError("the agent ended an event stream")

    async def _read_events(self, response: httpx.Response, session_id: str) -> None:
        reader = EventReader(self._options.max_frame_bytes)
        async for chunk in response.aiter_bytes():
            for frame in reader.feed(chunk):
                if not self._reading.is_set():
                    await self._reading.wait()
                self._take(frame, session_id)

    def _take(self, frame: bytes, session_id: str) -> None:
        routing = routing_of(frame)
        if routing.is_request:
            if len(self._asked) >= _MAX_OPEN_REQUESTS:
                raise AgentClosedError(f"the agent awaits more than {_MAX_OPEN_REQUESTS} answers")
            self._asked[routing.id] = routing.params_session or session_id
        elif routing.is_answer:
            self._follow(routing)
        self._deliver(frame)

    def _follow(self, answer: Routing) -> None:
        """Listen to a session that an answer made known, and no more to one that it ended."""
        left = self._leaving.pop(answer.id, None)
        if left is not None and left in self._streams:
            self._streams[left].task.cancel()
        attached = self._attaching.pop(answer.id, "")
        if answer.result_session or attached:
            self._open_stream(answer.result_session or attached, needed=not attached)

    def _deliver(self, frame: bytes) -> None:
        if self._cleaning is None:
            self._listener.agent_frame(frame)

    # -- the end -------------------------------------------------------------------------------------

    def _spawn(self, work: Callable[[], Coroutine[None, None, None]]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._until_the_end(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _until_the_end(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        try:
            await work()
        except (AgentClosedError, FrameTooLargeError) as error:
            self._end(error.detail)
        except httpx.ConnectError as error:
            self._end(f"the agent could not be reached: {error}")
        except httpx.HTTPError as error:
            self._end(f"the connection to the agent broke ({type(error).__name__})")
        except Exception as error:
            self._end(f"the link failed ({type(error).__name__})")
            raise

    def _end(self, reason: str) -> None:
        if self._cleaning is None:
            self._cleaning = asyncio.get_running_loop().create_task(self._leave_nothing_behind())
            self._listener.agent_closed(LinkClosed(reason, clean=self._closed_by_us))

    async def _leave_nothing_behind(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            async with asyncio.timeout(self._options.stop_grace_s):
                if self._connection_id:
                    await self._client.delete(self._url, headers=self._headers())
        except (TimeoutError, httpx.HTTPError):
            pass  # the agent will find out by itself
        finally:
            await self._client.aclose()
