"""A client of the demonstration: one WebSocket, as many sessions as it opens, and all that it is told."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect

from actors.errors import AgentTimeoutError

WAIT_S: Final = 60.0

Json = dict[str, Any]


class Client:
    """Made by ``client``. ``told`` has every notification, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.told: list[Json] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Json]] = {}
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        """Take what comes, until the socket is closed."""
        async for text in self._socket:
            message = json.loads(text)
            asked = self._asked.pop(message.get("id"), None) if "method" not in message else None
            if asked is not None:
                asked.set_result(message)
                continue
            self.told.append(message)
            async with self._news:
                self._news.notify_all()

    async def begin(self, method: str, **params: object) -> asyncio.Future[Json]:
        """Send a request; the future gets the answer."""
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(
            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        )
        return answer

    async def ask(self, method: str, **params: object) -> Json:
        """The answer to a request. Raises TimeoutError."""
        return await asyncio.wait_for(await self.begin(method, **params), WAIT_S)

    async def prompt(self, session_id: str, text: str) -> Json:
        """The answer to a prompt."""
        return await self.ask("session/prompt", sessionId=session_id, prompt=[{"type": "text", "text": text}])

    async def noticed(self, session_id: str, kind: str) -> Json:
        """The notice of a kind, once it has come. Raises AgentTimeoutError."""

        def found() -> Json | None:
            notices = (one["params"] for one in self.told if one["method"] == "_lumilink/notice")
            return next(
                (one for one in notices if (one["sessionId"], one["kind"]) == (session_id, kind)), None
            )

        return await self._once(found, f"the notice {kind}")

    async def _once(self, found: Callable[[], Json | None], what: str) -> Json:
        async def wait() -> Json:
            async with self._news:
                while (one := found()) is None:
                    await self._news.wait()
                return one

        try:
            return await asyncio.wait_for(wait(), WAIT_S)
        except TimeoutError:
            kinds = [one["params"]["kind"] for one in self.told if one["method"] == "_lumilink/notice"]
            raise AgentTimeoutError(f"{what} did not come in {WAIT_S:g} s, but {kinds}") from None

    def said(self, session_id: str) -> str:
        """All that was said in a session as far as this client was told."""
        updates = (
            one["params"]["update"]
            for one in self.told
            if one["method"] == "session/update" and one["params"]["sessionId"] == session_id
        )
        spoken = ("agent_message_chunk", "user_message_chunk")
        return "".join(one["content"].get("text", "") for one in updates if one["sessionUpdate"] in spoken)


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """A client that has shaken hands, for the length of the block."""
    async with connect(url) as socket:
        made = Client(socket)
        listening = asyncio.create_task(made.listen())
        try:
            await made.ask("initialize", protocolVersion=1, clientCapabilities={})
            yield made
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
