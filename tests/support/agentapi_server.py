"""A server of AgentAPI, as its version 0.12 behaves, whose agent does what its prompts say.

Its oddities are kept: events have no ids and no heartbeats, a message is sent whole each time it grows, a
subscriber 1,024 events behind is cut off without a word, a refusal is a 500 whose cause is in ``errors``,
and over the transport ``acp`` nothing is answered while a turn runs. A prompt's text is a script, one step a
line::

    say TEXT         the agent's message grows by TEXT and a line's end
    drip N           it grows by N numbers, one at a time
    flood N          the same, without giving anyone time to read
    redraw TEXT      its message is TEXT from now on
    warn TEXT        a warning
    error TEXT       an error
    fail TEXT        the turn fails, because of TEXT
    cut              all event streams end
    await            go on once the test has set ``go``
    wait             until Escape is pressed
    hang             for ever
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from pathlib import PurePath
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

BUFFERED_EVENTS = 1024
BODY_BYTES = 1024 * 1024
UPLOAD_BYTES = 10 * 1024 * 1024
KEPT_ERRORS = 100
ESCAPE = "\x1b"
BUSY = "failed to send message: message can only be sent when the agent is waiting for user input"

Event = tuple[str, dict[str, object]]


class FailedTurnError(Exception):
    """The agent gave the turn up."""


class EscapedError(Exception):
    """Escape was pressed."""


@dataclass
class AgentApiServer:
    """One server, which is one agent and one conversation. ``settle_s``: its quiet before stable."""

    transport: str = "pty"
    agent_type: str = "claude"
    settle_s: float = 0.01
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    port: int = 0
    status: str = "stable"
    messages: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, object]] = field(default_factory=list)
    streams: list[asyncio.Queue[Event | None]] = field(default_factory=list)
    posts: list[dict[str, object]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    escaped: asyncio.Event = field(default_factory=asyncio.Event)
    next_id: int = 0
    working: asyncio.Task[None] | None = None
    closing: bool = False
    drop_next_answer: bool = False
    """The next POST is carried out, and its connection broken before the answer."""

    def __post_init__(self) -> None:
        self._mutex = asyncio.Lock()

    @property
    def target(self) -> str:
        """Where it is, as TARGET."""
        return f"agentapi+http://127.0.0.1:{self.port}"

    def app(self) -> Starlette:
        """The endpoints."""
        get, post = ["GET"], ["POST"]
        return Starlette(
            routes=[
                Route("/status", self._checked(self._get_status), methods=get),
                Route("/messages", self._checked(self._get_messages), methods=get),
                Route("/message", self._checked(self._post_message), methods=post),
                Route("/events", self._checked(self._get_events), methods=get),
                Route("/upload", self._checked(self._post_upload), methods=post),
            ]
        )

    # ------------------------------------------------------------------ endpoints

    def _checked(self, endpoint: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def checked(request: Request) -> Response:
            self.requests.append(f"{request.method} {request.url.path}")
            host = request.headers.get("host", "").rpartition(":")[0]
            if host not in self.allowed_hosts:
                return PlainTextResponse("Invalid host header. Allowed hosts: …", status_code=400)
            answer: Response = await endpoint(request)
            return answer

        return checked

    async def _get_status(self, _request: Request) -> Response:
        async with self._mutex:
            return _answer(status=self.status, agent_type=self.agent_type, transport=self.transport)

    async def _get_messages(self, _request: Request) -> Response:
        async with self._mutex:
            return _answer(messages=self.messages)

    async def _post_message(self, request: Request) -> Response:
        body = await request.body()
        if len(body) > BODY_BYTES:
            return _problem(413, f"request body is too large limit={BODY_BYTES} bytes")
        asked = _message_of(body)
        if asked is None:
            return _problem(422, "validation failed", "expected required property", "body")
        self.posts.append(asked)
        async with self._mutex:
            answer = await self._raw(asked) if asked["type"] == "raw" else await self._user(asked)
        if self.drop_next_answer:
            self.drop_next_answer = False
            return StreamingResponse(_broken(), headers={"Content-Length": "100"})
        return answer

    async def _raw(self, asked: dict[str, str]) -> Response:
        if self.transport == "acp":
            return await self._user(asked)  # it has no terminal: whatever is typed is a prompt
        if asked["content"] == ESCAPE:
            self.escaped.set()
        return _answer(ok=True)

    async def _user(self, asked: dict[str, str]) -> Response:
        content = asked["content"].strip()
        if not content:
            return _refusal("failed to send message: message must not be empty")
        if self.status != "stable":
            return _refusal(BUSY)
        self._say("user", content)
        self.escaped.clear()
        if self.transport == "acp":
            return await self._carry_out_blocking(content)
        if content.startswith("fail "):
            return _refusal(f"failed to send message: {content.removeprefix('fail ')}")
        self.note_status("running")
        self._emit_message(self.messages[-1])
        self.working = asyncio.get_running_loop().create_task(self._carry_out(content))
        return _answer(ok=True)

    async def _carry_out_blocking(self, content: str) -> Response:
        self._say("agent", "")
        self.note_status("running")
        try:
            await self._script(content)
        except FailedTurnError as error:
            self.messages.pop()
            self.note_status("stable")
            return _refusal(f"failed to send message: {error}")
        for message in self.messages[-2:]:
            self._emit_message(message)
        self.note_status("stable")
        return _answer(ok=True)

    async def _carry_out(self, content: str) -> None:
        self._say("agent", "")
        try:
            await self._script(content)
        except EscapedError:
            self.grow("[stopped]")
        await asyncio.sleep(self.settle_s)
        self.note_status("stable")

    async def _get_events(self, _request: Request) -> Response:
        headers = {"Cache-Control": "no-cache, no-store, must-revalidate", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._events(), media_type="text/event-stream", headers=headers)

    async def _events(self) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue(BUFFERED_EVENTS)
        state = [_update_of(message) for message in self.messages]
        state.append(("status_change", {"status": self.status, "agent_type": self.agent_type}))
        state += [("agent_error", error) for error in self.errors]
        self.streams.append(queue)
        try:
            for event in state:
                yield _wire(event)
            while not self.closing and (waiting := await queue.get()) is not None:
                yield _wire(waiting)
        finally:
            if queue in self.streams:
                self.streams.remove(queue)

    async def _post_upload(self, request: Request) -> Response:
        head = f"Content-Type: {request.headers.get('content-type')}\r\n\r\n".encode()
        parts = BytesParser().parsebytes(head + await request.body()).get_payload()
        file: Any = parts[0] if isinstance(parts, list) else None
        if file is None or file.get_param("name", header="content-disposition") != "file":
            return _problem(422, "validation failed", "File required", "file")
        content: bytes = file.get_payload(decode=True)
        if len(content) > UPLOAD_BYTES:
            return _problem(400, "file size exceeds 10MB limit")
        folder = hashlib.sha256(content).hexdigest()[:16]
        path = f"/tmp/uploads/{folder}/{PurePath(file.get_filename()).name}"
        self.files[path] = content
        return _answer(ok=True, filePath=path)

    # ------------------------------------------------------------------ the agent

    async def _script(self, content: str) -> None:
        for line in content.splitlines():
            step, _, rest = line.partition(" ")
            await self._step(step, rest)

    async def _step(self, step: str, rest: str) -> None:
        match step:
            case "say":
                self.grow(rest + "\n")
            case "drip" | "flood":
                for number in range(1, int(rest) + 1):
                    self.grow(f"{number} ")
                    if step == "drip":
                        await asyncio.sleep(0)
            case "redraw":
                self.redraw(rest)
            case "warn" | "error":
                self.report("warning" if step == "warn" else "error", rest)
            case "fail":
                raise FailedTurnError(rest)
            case "cut":
                self.cut()
            case "await":
                await self.go.wait()
            case "wait":
                await self.escaped.wait()
                raise EscapedError
            case "hang":
                await asyncio.Event().wait()
            case _:
                self.grow(f"{step} {rest}\n")

    def grow(self, more: str) -> None:
        """The last message grows."""
        self.redraw(self.messages[-1]["content"] + more)

    def redraw(self, text: str) -> None:
        """The last message is another one."""
        self.messages[-1]["content"] = text
        self._emit_message(self.messages[-1])

    def type_in(self, content: str) -> None:
        """Somebody else says something to the agent, in the chat of its own page."""
        self._say("user", content)
        self._emit_message(self.messages[-1])

    def note_status(self, status: str) -> None:
        """Its status changes."""
        if status != self.status:
            self.status = status
            self._emit(("status_change", {"status": status, "agent_type": self.agent_type}))

    def report(self, level: str, text: str) -> None:
        """An error or a warning, which is kept for who comes later."""
        error: dict[str, object] = {"message": text, "level": level, "time": _now()}
        self.errors = [*self.errors, error][-KEPT_ERRORS:]
        self._emit(("agent_error", error))

    def cut(self) -> None:
        """End all event streams."""
        for queue in list(self.streams):
            self._end(queue)

    def _say(self, role: str, content: str) -> None:
        self.messages.append({"id": self.next_id, "role": role, "content": content, "time": _now()})
        self.next_id += 1

    def _emit_message(self, message: dict[str, Any]) -> None:
        self._emit(_update_of(message))

    def _emit(self, event: Event) -> None:
        for queue in list(self.streams):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._end(queue)

    def _end(self, queue: asyncio.Queue[Event | None]) -> None:
        self.streams.remove(queue)
        if queue.full():
            queue.get_nowait()
        queue.put_nowait(None)


def _update_of(message: dict[str, Any]) -> Event:
    told = {name: message[name] for name in ("id", "role", "time")}
    return "message_update", {**told, "message": message["content"]}


def _message_of(body: bytes) -> dict[str, str] | None:
    try:
        asked: object = json.loads(body)
    except ValueError:
        return None
    if not isinstance(asked, dict) or set(asked) != {"content", "type"}:
        return None
    if asked["type"] not in ("user", "raw") or not isinstance(asked["content"], str):
        return None
    return asked


def _answer(**members: object) -> Response:
    return JSONResponse({"$schema": "http://127.0.0.1/schemas/Body.json", **members})


def _refusal(cause: str) -> Response:
    return _problem(500, "unexpected error occurred", cause)


def _problem(status: int, detail: str, cause: str = "", location: str = "") -> Response:
    told: dict[str, object] = {"title": "Error", "status": status, "detail": detail}
    if cause:
        told["errors"] = [{"message": cause, "location": location} if location else {"message": cause}]
    return JSONResponse(told, status_code=status, media_type="application/problem+json")


async def _broken() -> AsyncIterator[bytes]:
    yield b"{"


def _wire(event: Event) -> bytes:
    return f"event: {event[0]}\ndata: {json.dumps(event[1])}\n\n".encode()


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@asynccontextmanager
async def agentapi_server(**how: Any) -> AsyncIterator[AgentApiServer]:
    """A server that listens on loopback, in the test's own loop."""
    server = AgentApiServer(**how)
    config = uvicorn.Config(server.app(), port=server.port, log_level="critical", lifespan="off")
    http = uvicorn.Server(config)
    serving = asyncio.get_running_loop().create_task(http.serve())
    async with asyncio.timeout(10):
        while not http.started:
            await asyncio.sleep(0.005)
    server.port = http.servers[0].sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.closing = True
        server.cut()
        if server.working is not None:
            server.working.cancel()
        http.should_exit = http.force_exit = True
        await serving
