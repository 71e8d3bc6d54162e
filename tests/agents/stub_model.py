"""A language model that is none: both providers' HTTP APIs on one local port, in a thread, offline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import ModuleType
from typing import Final, Self

import msgspec
import stub_anthropic
import stub_openai
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from stub_script import Question, Reply, answer

START_DEADLINE_S: Final = 10.0
STOP_DEADLINE_S: Final = 10.0
MODEL: Final = "stub-model"


class _Options(msgspec.Struct):
    """What both providers' bodies have in common."""

    model: str = MODEL
    stream: bool = False


@dataclass(slots=True)
class Exchange:
    """One request for an answer. ``ended`` is how its stream went: ``open``, ``complete`` or ``dropped``."""

    path: str
    question: Question
    reply: Reply
    ended: str = "open"


class StubModel:
    """The server, as a context manager.

    ``exchanges`` is what it was asked so far, ``unknown`` the requests for anything else.
    No header is kept, so a credential that an agent sends is nowhere in here.
    """

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.unknown: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(
            uvicorn.Config(self._app(), lifespan="off", ws="none", log_level="warning")
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="stub-model")

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the stub model did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(STOP_DEADLINE_S)
        self._socket.close()

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/messages", self._anthropic, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_tokens, methods=["POST"]),
                Route("/v1/chat/completions", self._openai, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/{path:path}", self._anything, methods=["GET", "HEAD", "POST"]),
            ]
        )

    async def _anthropic(self, request: Request) -> Response:
        return await self._answer(request, stub_anthropic)

    async def _openai(self, request: Request) -> Response:
        return await self._answer(request, stub_openai)

    async def _answer(self, request: Request, wire: ModuleType) -> Response:
        body = await request.body()
        options = msgspec.json.decode(body, type=_Options)
        question: Question = wire.read(body)
        exchange = Exchange(request.url.path, question, answer(question))
        self.exchanges.append(exchange)
        if options.stream:
            frames = _watched(exchange, wire.stream(exchange.reply, options.model))
            return StreamingResponse(frames, media_type="text/event-stream")
        exchange.ended = "complete"
        return Response(wire.whole(exchange.reply, options.model), media_type="application/json")

    async def _count_tokens(self, _request: Request) -> Response:
        return JSONResponse({"input_tokens": 1})

    async def _models(self, _request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model"}], "has_more": False})

    async def _anything(self, request: Request) -> Response:
        self.unknown.append(f"{request.method} {request.url.path}")
        return JSONResponse({})


async def _watched(exchange: Exchange, frames: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for frame in frames:
            yield frame
        exchange.ended = "complete"
    finally:
        if exchange.ended == "open":
            exchange.ended = "dropped"
