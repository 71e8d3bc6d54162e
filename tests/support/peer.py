"""What the tests' own clients have in common: ids, waiting for answers, keeping all that arrives."""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from support.messages import Json, chosen, initialize, notification, prompt, request, texts

DEADLINE_S: Final = 30.0
"""How long anything is waited for: long, because a busy machine proves nothing."""


class RefusedError(Exception):
    """A request was answered with an error."""

    def __init__(self, error: Json) -> None:
        super().__init__(error)
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Json = error.get("data") or {}


class Peer(ABC):
    """A client without manners: it sends what it is told, and keeps what it gets in ``messages``."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self._arrived = asyncio.Condition()
        self._ids = itertools.count(1)

    @abstractmethod
    async def send(self, message: Json) -> None:
        """Send one message."""

    async def keep(self, message: Json) -> None:
        """Note a message that arrived."""
        async with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()

    # ------------------------------------------------------------------ asking

    async def start(self, method: str, params: Json | None = None) -> int:
        """Send a request; returns its id."""
        number = next(self._ids)
        await self.send(request(number, method, params))
        return number

    async def answer_to(self, request_id: object, within_s: float = DEADLINE_S) -> Json:
        """The whole answer to a request, once it is there."""
        return await self.first(lambda message: _answers(message, request_id), within_s)

    async def result_of(self, request_id: object, within_s: float = DEADLINE_S) -> Json:
        """The result of a request; raises RefusedError if it was answered with an error."""
        answer = await self.answer_to(request_id, within_s)
        if "error" in answer:
            raise RefusedError(answer["error"])
        result: Json = answer["result"]
        return result

    async def ask(self, method: str, params: Json | None = None, within_s: float = DEADLINE_S) -> Json:
        """A request and its result."""
        return await self.result_of(await self.start(method, params), within_s)

    async def notify(self, method: str, params: Json | None = None) -> None:
        """Send a notification."""
        await self.send(notification(method, params))

    # ------------------------------------------------------------------ waiting

    async def first(self, wanted: Callable[[Json], bool], within_s: float = DEADLINE_S) -> Json:
        """The first message, of all that came or will come, that is ``wanted``."""
        [found] = await self.several(wanted, 1, within_s)
        return found

    async def several(
        self, wanted: Callable[[Json], bool], count: int, within_s: float = DEADLINE_S
    ) -> list[Json]:
        """The first ``count`` messages that are ``wanted``; TimeoutError if they don't come."""
        async with asyncio.timeout(within_s), self._arrived:
            seen = 0
            found: list[Json] = []
            while True:
                found += [message for message in self.messages[seen:] if wanted(message)]
                seen = len(self.messages)
                if len(found) >= count:
                    return found[:count]
                await self._arrived.wait()

    async def hears(self, session_id: str, text: str, within_s: float = DEADLINE_S) -> None:
        """Wait until the agent has said a text in a session."""
        await self.first(lambda message: texts([message], session_id) == [text], within_s)

    async def told(self, method: str, count: int = 1) -> list[Json]:
        """The params of the first ``count`` notifications of a method."""
        found = await self.several(lambda message: message.get("method") == method, count)
        return [message["params"] for message in found]

    async def question(self, session_id: str, method: str = "session/request_permission") -> Json:
        """The first request of the agent in a session."""
        return await self.first(
            lambda message: message.get("method") == method and message["params"]["sessionId"] == session_id
        )

    async def notice(self, code: str) -> Json:
        """The first notice of the gateway that has a code."""
        found = await self.first(
            lambda message: message.get("method") == "_lumilink/notice" and message["params"]["code"] == code
        )
        params: Json = found["params"]
        return params

    # ------------------------------------------------------------------ ACP

    async def begin(self, **client_capabilities: object) -> Json:
        """``initialize``."""
        return await self.ask("initialize", initialize(**client_capabilities))

    async def new_session(self, cwd: object) -> str:
        """``session/new``; returns the session's id."""
        found: str = (await self.ask("session/new", {"cwd": str(cwd), "mcpServers": []}))["sessionId"]
        return found

    async def load(self, session_id: str, cwd: object = "/") -> Json:
        """``session/load``."""
        return await self.ask("session/load", {"sessionId": session_id, "cwd": str(cwd), "mcpServers": []})

    async def resume(self, session_id: str, cwd: object = "/") -> Json:
        """``session/resume``."""
        return await self.ask("session/resume", {"sessionId": session_id, "cwd": str(cwd), "mcpServers": []})

    async def attach(self, session_id: str, after_seq: int) -> Json:
        """``_lumilink/session/attach``: come back where one was."""
        return await self.ask("_lumilink/session/attach", {"sessionId": session_id, "afterSeq": after_seq})

    async def start_prompt(self, session_id: str, text: str, prompt_id: str | None = None) -> int:
        """``session/prompt``; returns the request's id at once."""
        return await self.start("session/prompt", prompt(session_id, text, prompt_id))

    async def prompt(self, session_id: str, text: str, within_s: float = DEADLINE_S) -> str:
        """A whole turn; returns its stop reason."""
        request_id = await self.start_prompt(session_id, text)
        found: str = (await self.result_of(request_id, within_s))["stopReason"]
        return found

    async def cancel(self, session_id: str) -> None:
        """``session/cancel``."""
        await self.notify("session/cancel", {"sessionId": session_id})

    async def choose(self, question: Json, option_id: str) -> None:
        """Answer a permission."""
        await self.send({"jsonrpc": "2.0", "id": question["id"], "result": chosen(option_id)})

    async def close_session(self, session_id: str) -> None:
        """``session/close``."""
        await self.ask("session/close", {"sessionId": session_id})


def _answers(message: Json, request_id: object) -> bool:
    # True equals 1 and 1.0 in Python, not in JSON.
    return (
        "method" not in message
        and message.get("id") == request_id
        and type(message["id"]) is type(request_id)
    )
