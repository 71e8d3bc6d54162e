"""AgentAPI servers around the stub agent: what a client of before talked to, with the times of the real one.

``python -m loadtests.agentapi_stub --port P --transport pty`` serves any number of them, each under a number:
``http://127.0.0.1:P/7/message``. A prompt's text is `loadtests.wire.Orders`, as for ``stub_agent``.

What the real one (coder/agentapi 0.12, Go) does is kept where it takes time, and is taken to be done at once
where it may be:

- ``pty``, as it ships: the agent's terminal is looked at every 25 ms, a changed screen is sent whole as a
  ``message_update``, and the agent is ``stable`` once the screen has not changed for 2 s. POST is answered at
  the first change. (The real one may take 2 s to see its typing echoed; here it never does.)
- ``acp``, its experiment: the message is sent whole with each chunk, and the turn's end, with the answer to
  the POST, comes 100 ms after the agent's, for chunks that come late.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator
from typing import Final

import click
import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from loadtests.wire import STAMP_BYTES, Orders

SNAPSHOT_S: Final = 0.025
STABLE_AFTER_S: Final = 2.0
LATE_CHUNKS_S: Final = 0.1
BUFFERED_EVENTS: Final = 1024
_BURST: Final = 8


class _Message(msgspec.Struct):
    content: str
    type: str


class Conversation:
    """One server: its agent, its screen, and who listens."""

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._listeners: list[asyncio.Queue[bytes]] = []
        self._messages = 0
        self._text = ""
        self._screen = ""
        self._turn: asyncio.Task[None] | None = None
        self.status = "stable"

    async def say(self, orders: Orders) -> bool:
        """Prompt the agent; false while it is busy."""
        if self.status != "stable":
            return False
        self._set_status("running")
        self._emit_message("user", orders.text())
        self._text, self._messages = "", self._messages + 2
        loop = asyncio.get_running_loop()
        if self._transport == "acp":
            await self._work(orders)
            await asyncio.sleep(LATE_CHUNKS_S)
            self._set_status("stable")
        else:
            seen: asyncio.Future[None] = loop.create_future()
            self._turn = loop.create_task(self._on_terminal(orders, seen))
            await seen
        return True

    def listen(self) -> asyncio.Queue[bytes]:
        """A subscription, which begins with the status."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(BUFFERED_EVENTS)
        self._listeners.append(queue)
        queue.put_nowait(_status_event(self.status))
        return queue

    def leave(self, queue: asyncio.Queue[bytes]) -> None:
        """End a subscription."""
        self._listeners.remove(queue)

    async def _on_terminal(self, orders: Orders, seen: asyncio.Future[None]) -> None:
        """The agent works on its terminal, which is looked at from time to time until nothing changes."""
        loop = asyncio.get_running_loop()
        working = loop.create_task(self._work(orders))
        self._screen, changed_at = "", loop.time()
        while not working.done() or loop.time() - changed_at < STABLE_AFTER_S:
            await asyncio.sleep(SNAPSHOT_S)
            if self._text != self._screen:
                self._screen, changed_at = self._text, loop.time()
                self._emit_message("agent", self._screen)
                if not seen.done():
                    seen.set_result(None)
        await working
        self._set_status("stable")

    async def _work(self, orders: Orders) -> None:
        chunk = "@~" + "0" * (STAMP_BYTES - 2) + "x" * (orders.size - STAMP_BYTES)
        for number in range(orders.updates):
            if orders.interval and number:
                await asyncio.sleep(orders.interval)
            elif number % _BURST == 0:
                await asyncio.sleep(0)
            self._text += chunk
            if self._transport == "acp":
                self._emit_message("agent", self._text)

    def _emit_message(self, role: str, text: str) -> None:
        number = self._messages + (role == "agent")
        told = {"id": number, "role": role, "message": text, "time": "2026-01-01T00:00:00Z"}
        self._emit(b"event: message_update\ndata: %s\n\n" % msgspec.json.encode(told))

    def _set_status(self, status: str) -> None:
        self.status = status
        self._emit(_status_event(status))

    def _emit(self, event: bytes) -> None:
        for queue in self._listeners:
            with contextlib.suppress(asyncio.QueueFull):  # one that is so far behind misses events
                queue.put_nowait(event)


def _status_event(status: str) -> bytes:
    told = {"status": status, "agent_type": "custom"}
    return b"event: status_change\ndata: %s\n\n" % msgspec.json.encode(told)


class Servers:
    """All servers of this process, made when they are first asked for."""

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self._conversations: dict[str, Conversation] = {}

    def app(self) -> Starlette:
        """The endpoints."""
        return Starlette(
            routes=[
                Route("/{number}/status", self._status, methods=["GET"]),
                Route("/{number}/message", self._message, methods=["POST"]),
                Route("/{number}/events", self._events, methods=["GET"]),
            ]
        )

    def _of(self, request: Request) -> Conversation:
        number = request.path_params["number"]
        return self._conversations.setdefault(number, Conversation(self._transport))

    async def _status(self, request: Request) -> Response:
        return _answer({"status": self._of(request).status, "agent_type": "custom"})

    async def _message(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=_Message)
        orders = msgspec.json.decode(asked.content, type=Orders)
        taken = await self._of(request).say(orders)
        return _answer({"ok": taken}, 200 if taken else 500)

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._stream(self._of(request)), media_type="text/event-stream")

    async def _stream(self, conversation: Conversation) -> AsyncIterator[bytes]:
        queue = conversation.listen()
        try:
            while True:
                yield await queue.get()
        finally:
            conversation.leave(queue)


def _answer(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


class _AnnouncedServer(uvicorn.Server):
    """Prints a ``ready`` line once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"ready http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}", flush=True)


async def serve(port: int, transport: str) -> None:
    """Serve until ended; prints a ``ready`` line with the address."""
    config = uvicorn.Config(
        Servers(transport).app(), port=port, log_level="critical", lifespan="off", access_log=False
    )
    await _AnnouncedServer(config).serve()


@click.command()
@click.option("--port", default=0, show_default=True, help="0 takes a free port; the ready line says which.")
@click.option("--transport", default="pty", show_default=True, type=click.Choice(("pty", "acp")))
def main(port: int, transport: str) -> None:
    """Serve AgentAPI servers with stub agents until interrupted."""
    gc.disable()  # as in the other tools: a collection would be booked to a latency
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(port, transport))


if __name__ == "__main__":
    main()
