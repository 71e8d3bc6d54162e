"""What the routes of this process share: the gateway, and who watches which session."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
from msgspec import Struct

from actors import errors
from serve.agentapi.watchers import Watchers
from serve.ingress.gateway import Gateway

AGENT_TYPES: Final = (
    "claude",
    "goose",
    "aider",
    "gemini",
    "copilot",
    "amp",
    "codex",
    "cursor",
    "auggie",
    "amazonq",
    "opencode",
)
"""What AgentAPI calls the agents that it knows; any other is ``custom``."""
_WORD: Final = re.compile("[a-z0-9]+")
TYPE_WITHIN_S: Final = 0.2
MAX_READERS: Final = 1_000


class _Info(Struct):
    name: str = ""


class _Profile(Struct, rename="camel"):
    agent_info: _Info | None = None


class AgentApi:
    """One per process. Until ``bind`` every request is refused."""

    def __init__(self) -> None:
        self._watchers: Watchers | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[bytes | None] | None = None
        self._agent_type = "custom"
        self._readers = 0

    def bind(self, gateway: Gateway) -> None:
        """What the replica made once its loop ran."""
        self._watchers = Watchers(gateway)
        # The process owns it for as long as it lives.
        self._sweeping = asyncio.get_running_loop().create_task(self._watchers.sweep(), name="sweep")

    @property
    def watchers(self) -> Watchers:
        """Who watches what. Raises WorkerUnavailableError while the replica starts."""
        if self._watchers is None:
            raise errors.WorkerUnavailableError("the replica is starting", 1.0)
        return self._watchers

    @property
    def gateway(self) -> Gateway:
        """The gateway. Raises WorkerUnavailableError while the replica starts."""
        return self.watchers.gateway

    def check_readers(self) -> None:
        """Whether one more may read events. Raises MailboxFullError where 1,000 do."""
        if self._readers >= MAX_READERS:
            raise errors.MailboxFullError(f"{MAX_READERS} clients read events here already", 5.0)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A client reads events as long as this is entered."""
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def agent_type(self) -> str:
        """What AgentAPI calls the agent; ``custom`` as long as that is not known. Never waits long."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self.gateway.agent_profile())
        await asyncio.wait((self._asking,), timeout=TYPE_WITHIN_S)
        if self._asking.done() and not self._asking.cancelled() and self._asking.exception() is None:
            self._agent_type = _type_of(self._asking.result())
        return self._agent_type


def _type_of(profile: bytes | None) -> str:
    try:
        info = msgspec.json.decode(profile or b"{}", type=_Profile).agent_info
    except msgspec.DecodeError:
        info = None
    words = _WORD.findall(info.name.lower()) if info is not None else []
    return next((known for known in AGENT_TYPES if known in words), "custom")


_service = AgentApi()


def service() -> AgentApi:
    """The one of this process; a function, since Serve copies a deployment's globals by value."""
    return _service
