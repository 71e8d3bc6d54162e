"""The chat's connection to the gateway, and to its session on it; made anew when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar, cast

from acp import PROTOCOL_VERSION, RequestError, connect_to_agent, text_block
from acp.core import ClientSideConnection
from acp.interfaces import Client
from acp.schema import (
    ClientCapabilities,
    Implementation,
    ListSessionsResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PromptResponse,
    SessionInfo,
    SessionModeState,
)

from actors.agents.target import AgentTarget
from actors.errors import AgentTimeoutError, ConnectionFault, LinkBrokenError
from actors.protocol.handshake import GATEWAY_VERSION
from topology.chat.client import ChatClient
from topology.chat.transport import GatewayTransport
from topology.connect.backoff import delays

T = TypeVar("T")

_CLIENT: Final = Implementation(name="lumilink-chat", title="LumiLink chat", version=GATEWAY_VERSION)
_SHOWN_SESSIONS: Final = 20
_WISHES: Final = {"status": True}
"""``_meta.lumilink`` of what opens the session."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, in seconds; and how often to try."""

    dial_s: float = 5.0
    answer_s: float = 120.0
    """For all but prompts: the gateway may have to start an agent first."""
    first_retry_s: float = 0.5
    most_retry_s: float = 8.0
    tries: int = 5


class ChatConnection:
    """One chat's way to its session. Methods raise RequestError where the gateway says no, and
    ConnectionError where the connection is lost meanwhile.
    """

    def __init__(self, target: AgentTarget, client: ChatClient, patience: Patience) -> None:
        self.modes: SessionModeState | None = None
        self._target = target
        self._client = client
        self._patience = patience
        self._cwd = str(Path.cwd())
        self._transport = GatewayTransport()
        self._connection: ClientSideConnection | None = None

    async def open(self) -> None:
        """Dial and shake hands. Raises AgentUnreachableError or AgentTimeoutError."""
        await self.close()
        self._transport = GatewayTransport()
        await self._transport.open(self._target, self._patience.dial_s)
        # The SDK looks the client's methods up by name, so only those that are served are there.
        self._connection = connect_to_agent(cast("Client", self._client), self._transport)
        await self._in_time(self._acp.initialize(PROTOCOL_VERSION, ClientCapabilities(), _CLIENT))

    async def reopen(self) -> None:
        """Come back to the session after a loss.

        Raises LinkBrokenError if that fails five times, RequestError if the session is no more.
        """
        why = ""
        for delay_s in islice(
            delays(self._patience.first_retry_s, self._patience.most_retry_s), self._patience.tries
        ):
            await asyncio.sleep(delay_s)
            try:
                await self.open()
                await self.load(self._client.session_id)
            except ConnectionFault as error:
                why = error.detail
            except ConnectionError:
                why = "the connection was lost again"
            except RequestError as error:
                if not _is_retryable(error):
                    raise
                why = str(error)
            else:
                return
        raise LinkBrokenError(f"the gateway did not come back: {why}")

    async def close(self) -> None:
        """End the connection; the session goes on."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def wait_lost(self) -> None:
        """Return when the connection is lost."""
        await self._transport.lost.wait()

    # ------------------------------------------------------------------ the session

    async def new(self) -> None:
        """Start a session in the current directory."""
        started: NewSessionResponse = await self._in_time(
            self._acp.new_session(cwd=self._cwd, mcp_servers=[], lumilink=_WISHES)
        )
        self.modes = started.modes
        self._client.enter(started.session_id)

    async def load(self, session_id: str) -> None:
        """Attach to a session. Its history is shown, except for what was shown before."""
        if session_id != self._client.session_id:
            self._client.enter(session_id)
        loaded: LoadSessionResponse = await self._in_time(
            self._acp.load_session(cwd=self._cwd, session_id=session_id, lumilink=_WISHES)
        )
        self.modes = loaded.modes

    async def sessions(self) -> list[SessionInfo]:
        """The sessions that were used last."""
        found: ListSessionsResponse = await self._in_time(self._acp.list_sessions())
        return found.sessions[:_SHOWN_SESSIONS]

    async def set_mode(self, mode_id: str) -> None:
        """Change the session's mode."""
        await self._in_time(self._acp.set_session_mode(session_id=self._client.session_id, mode_id=mode_id))

    async def prompt(self, text: str, prompt_id: str) -> PromptResponse:
        """One turn. Repeated with the same ``prompt_id`` it does not run again, and has the same outcome."""
        meta = {"promptId": prompt_id}
        outcome: PromptResponse = await self._acp.prompt(
            self._client.session_id, [text_block(text)], lumilink=meta
        )
        return outcome

    async def cancel(self) -> None:
        """Ask for the end of the running turn."""
        await self._acp.cancel(self._client.session_id)

    @property
    def _acp(self) -> ClientSideConnection:
        if self._connection is None:
            raise ConnectionError("there is no connection to the gateway")
        return self._connection

    async def _in_time(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._patience.answer_s):
                return await answer
        except TimeoutError:
            raise AgentTimeoutError(f"no answer within {self._patience.answer_s:g} s") from None


def told(error: RequestError) -> tuple[str, str]:
    """What a refused request is told as: what was wrong, and what to do about it if that is known."""
    data = error.data if isinstance(error.data, dict) else {}
    recovery = data.get("recovery") or data.get("details") or ""
    return str(error), recovery if isinstance(recovery, str) else ""


def _is_retryable(error: RequestError) -> bool:
    return isinstance(error.data, dict) and error.data.get("retryable") is True
