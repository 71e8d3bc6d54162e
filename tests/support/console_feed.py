"""``/ws`` as a console meets it: events with cursors, taken up after a break, cut off at a test's wish."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect


class ConsoleFeed:
    """Tests post from their own thread. ``is_away``: nobody gets in."""

    def __init__(self) -> None:
        self.is_away = False
        self.cursors: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._sockets: set[WebSocket] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def watching(self) -> int:
        """How many are connected."""
        return len(self._sockets)

    def post(self, event: str, **data: object) -> None:
        """Tell everybody; who is not there gets it when they come back by cursor."""
        self._events.append({"event": event, "data": data, "cursor": f"f-{len(self._events) + 1}"})
        message = self._events[-1]
        for socket in list(self._sockets):
            self._run(socket.send_json(message))

    def cut(self) -> None:
        """Close every connection, and let nobody in until ``is_away`` is unset."""
        self.is_away = True
        for socket in list(self._sockets):
            self._run(socket.close(1012))

    async def serve(self, socket: WebSocket) -> None:
        """One connection."""
        self._loop = asyncio.get_running_loop()
        if self.is_away:
            await socket.close(1013)
            return
        await socket.accept()
        cursor = socket.query_params.get("cursor")
        self.cursors.append(cursor or "")
        await socket.send_json(
            {"event": "system:connected", "data": {"timestamp": "2026-01-01T00:00:00.000Z"}}
        )
        begin = int(cursor.removeprefix("f-")) if cursor else len(self._events)
        if not cursor:
            await socket.send_json({"event": "system:position", "data": {}, "cursor": f"f-{begin}"})
        for message in self._events[begin:]:
            await socket.send_json(message)
        self._sockets.add(socket)
        try:
            while True:
                await socket.receive_text()
        except (WebSocketDisconnect, RuntimeError):
            self._sockets.discard(socket)

    def _run(self, sending: Any) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(sending, self._loop).result(5.0)
