"""The least that can stand between client and agent in Python: a WebSocket relay that reads nothing.

FastAPI on uvicorn in front, a picows client behind, one agent connection a client. It parses no frame, keeps
none, knows no session, and what is under way when either side goes is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from loadtests.baselines.serving import baseline_command

_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})
_CONNECT_WITHIN_S: Final = 10.0
_READ_BUFFER_BYTES: Final = 1024
_WAITING_MAX: Final = 256


class AgentSide(WSListener):
    """The agent's frames, waiting for the client; the agent is read no further while too many wait."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._filled = asyncio.Event()
        self._paused = False
        self._open = True
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is open."""
        self._transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Called by picows once the socket is closed."""
        self._open = False
        self._filled.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Keep one frame for the client."""
        if frame.msg_type != WSMsgType.TEXT:
            return
        self._waiting.append(frame.get_payload_as_utf8_text())
        self._filled.set()
        if len(self._waiting) >= _WAITING_MAX and not self._paused:
            self._paused = True
            transport.underlying_transport.pause_reading()

    def send(self, text: str) -> None:
        """Pass a frame of the client on to the agent."""
        if self._transport is not None and self._open:
            self._transport.send(WSMsgType.TEXT, text)

    def close(self) -> None:
        """End the agent's connection."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    def _read_on(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.underlying_transport.resume_reading()

    async def pump(self, client: WebSocket) -> None:
        """Pass the agent's frames on to ``client`` until the agent goes."""
        while self._open:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                await client.send_text(self._waiting.popleft())
            self._read_on()
        await client.close()


def relay(agent_url: str) -> FastAPI:
    """An application whose ``/acp`` is ``agent_url``."""
    app = FastAPI()

    @app.websocket("/acp")
    async def acp(client: WebSocket) -> None:
        await client.accept()
        agent = AgentSide()
        async with asyncio.timeout(_CONNECT_WITHIN_S):
            await ws_connect(
                lambda: agent, agent_url, logger_name=_LOG, read_buffer_init_size=_READ_BUFFER_BYTES
            )
        pump = asyncio.create_task(agent.pump(client))
        try:
            while True:
                agent.send(await client.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            pump.cancel()
            agent.close()

    return app


main = baseline_command(relay)

if __name__ == "__main__":
    main()
