"""The same containers' agents over HTTP: small servers of AgentAPI that say back what they are told.

``python -m loadtests.demo.http_agent PORT FILE`` writes what they were sent into FILE, a line of JSON a
message. A container's server is found under its id: ``http://127.0.0.1:PORT/CONTAINER/message``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

_WORKS_FOR_S: Final = 0.1
_MAX_EVENTS: Final = 1024

Event = tuple[str, dict[str, object]]


class EchoAgent:
    """One conversation, and who listens to it."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._status = "stable"
        self._messages: list[dict[str, object]] = []
        self._listeners: set[asyncio.Queue[Event]] = set()
        self._turn: asyncio.Task[None] | None = None

    async def status(self, _: Request) -> Response:
        """``GET /status``."""
        return JSONResponse({"agent_type": "custom", "status": self._status, "transport": "pty"})

    async def messages(self, _: Request) -> Response:
        """``GET /messages``."""
        return JSONResponse({"messages": self._messages})

    async def message(self, request: Request) -> Response:
        """``POST /message``: answered when the agent has begun."""
        content = str((await request.json())["content"])
        with self._record.open("a") as file:
            file.write(json.dumps(content) + "\n")
        self._say("user", content)
        self._become("running")
        self._turn = asyncio.create_task(self._answer(content))
        return JSONResponse({"ok": True})

    async def events(self, _: Request) -> Response:
        """``GET /events``: all that is, and then what happens."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_MAX_EVENTS)
        for message in self._messages:
            queue.put_nowait(("message_update", _update(message)))
        queue.put_nowait(("status_change", self._state()))
        self._listeners.add(queue)
        return StreamingResponse(self._stream(queue), media_type="text/event-stream")

    async def _stream(self, queue: asyncio.Queue[Event]) -> AsyncIterator[str]:
        try:
            while True:
                name, data = await queue.get()
                yield f"event: {name}\ndata: {json.dumps(data)}\n\n"
        finally:
            self._listeners.discard(queue)

    async def _answer(self, content: str) -> None:
        await asyncio.sleep(_WORKS_FOR_S)
        self._say("agent", f"Over HTTP you said: {content.splitlines()[-1]}")
        await asyncio.sleep(_WORKS_FOR_S)
        self._become("stable")

    def _say(self, role: str, content: str) -> None:
        now = datetime.now(UTC).isoformat()
        message = {"id": len(self._messages), "role": role, "content": content, "time": now}
        self._messages.append(message)
        self._emit("message_update", _update(message))

    def _become(self, status: str) -> None:
        self._status = status
        self._emit("status_change", self._state())

    def _state(self) -> dict[str, object]:
        return {"status": self._status, "agent_type": "custom"}

    def _emit(self, name: str, data: dict[str, object]) -> None:
        for queue in self._listeners:
            queue.put_nowait((name, data))


def _update(message: dict[str, object]) -> dict[str, object]:
    return {
        "id": message["id"],
        "role": message["role"],
        "message": message["content"],
        "time": message["time"],
    }


def main() -> None:
    """Serve until it is ended."""
    port, record = int(sys.argv[1]), Path(sys.argv[2])
    agents: defaultdict[str, EchoAgent] = defaultdict(lambda: EchoAgent(record))

    async def answer(request: Request) -> Response:
        agent = agents[request.path_params["container"]]
        doings = {
            "status": agent.status,
            "messages": agent.messages,
            "message": agent.message,
            "events": agent.events,
        }
        doing = doings.get(request.path_params["what"])
        return await doing(request) if doing is not None else Response(status_code=404)

    routes = [Route("/{container}/{what}", answer, methods=["GET", "POST"])]

    @asynccontextmanager
    async def tell_ready(_: Starlette) -> AsyncIterator[None]:
        print(f"ready http://127.0.0.1:{port}", flush=True)
        yield

    async def serve() -> None:
        app = Starlette(routes=routes, lifespan=tell_ready)
        config = uvicorn.Config(app, log_level="warning")
        with socket.create_server(("127.0.0.1", port)) as listening:
            await uvicorn.Server(config).serve([listening])

    asyncio.run(serve())


if __name__ == "__main__":
    main()
