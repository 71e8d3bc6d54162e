"""``/ws``: live events over WebSocket."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from actors import errors
from serve.ingress import guard
from serve.problem import CLOSE_REFUSED, refuse
from serve.reporting import live_messages
from serve.reporting.feed_follower import Position
from serve.reporting.live_client import MAX_WATCHING, LiveClient, followers
from serve.reporting.live_messages import LiveMessage
from serve.reporting.origin import rules
from serve.rights import Identity, Right, demand, gate, identify
from serve.rights.credentials import chosen_protocol
from serve.rights.endings import CLOSE_CODE

log = logging.getLogger("lumilink.reporting")

MAX_CLIENT_CHARS: Final = 4096
SEND_S: Final = 30.0
CLOSE_S: Final = 1.0
CLOSE_TRY_AGAIN_LATER: Final = 1013


async def serve_socket(socket: WebSocket) -> None:
    """Accept a socket and serve it until either side ends it."""
    now = rules()
    why = guard.refusal(dict(socket.scope["headers"]), now.allowed_hosts, now.allowed_origins)
    if why is not None:
        await socket.close(CLOSE_REFUSED, why)
        return
    try:
        identity = await identify(socket)
        demand(identity, Right.RECORDS_READ)
    except errors.LumiLinkError as error:
        await refuse(socket, error)
        return
    await socket.accept(chosen_protocol(socket))
    if followers().watching >= MAX_WATCHING:
        await socket.close(CLOSE_TRY_AGAIN_LATER, "too many clients watch")
        return
    position, wrong = None, None
    try:
        position = _position_of(socket)
    except errors.InvalidParamsError as error:
        wrong = error
    async with followers().watch(identity.installation) as follower:
        await _Conversation(socket, LiveClient(follower, position), identity).run(wrong)


def _position_of(socket: WebSocket) -> Position | None:
    asked = socket.query_params.get("cursor")
    return Position.parse(asked) if asked is not None else None


class _Conversation:
    """One client's socket: what it says is read while it is told what happens."""

    def __init__(self, socket: WebSocket, client: LiveClient, identity: Identity) -> None:
        self._socket = socket
        self._identity = identity
        self._client = client
        self._sending = asyncio.Lock()

    async def run(self, wrong: errors.InvalidParamsError | None) -> None:
        """Until either side, or its credential, ends it. ``wrong``: the cursor of the URL is none of ours."""
        loop = asyncio.get_running_loop()
        tasks = {loop.create_task(self._write(wrong)), loop.create_task(self._read())}
        if self._identity.credential:
            tasks.add(loop.create_task(self._close_at_end()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, TimeoutError):
                await self._close(CLOSE_TRY_AGAIN_LATER, "slow consumer")
            elif isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect | OSError):
                log.warning("a client of live events was cut off by %s", type(result).__name__)

    async def _write(self, wrong: errors.InvalidParamsError | None) -> None:
        async with aclosing(self._client.messages()) as messages:
            async for message in messages:
                if message is None:
                    continue
                await self._send(message)
                if wrong is not None:
                    await self._send(live_messages.failed(wrong))
                    wrong = None

    async def _read(self) -> None:
        while True:
            event = await self._socket.receive()
            if event["type"] == "websocket.disconnect":
                return
            text = event.get("text")
            if text is None or len(text) > MAX_CLIENT_CHARS:
                log.warning("a message of a client of live events is ignored: it is binary or too long")
                continue
            await self._take(text)

    async def _take(self, text: str) -> None:
        try:
            position = live_messages.resumed_at(text)
        except errors.ParseError:
            log.warning("a message of a client of live events is ignored: it is not JSON")
        except errors.InvalidParamsError as error:
            await self._send(live_messages.failed(error))
        else:
            if position is not None:
                self._client.resume(position)

    async def _send(self, message: LiveMessage) -> None:
        async with asyncio.timeout(SEND_S), self._sending:
            await self._socket.send_text(message.text())

    async def _close_at_end(self) -> None:
        await self._close(CLOSE_CODE, await gate().ended(self._identity))

    async def _close(self, code: int, why: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close(code, why)
        except (TimeoutError, OSError, RuntimeError, WebSocketDisconnect) as error:
            log.debug("a client was gone already: %s", type(error).__name__)
