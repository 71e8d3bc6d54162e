"""The protocol's methods: what any ACP agent answers."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from acp import PROTOCOL_VERSION, RequestError
from acp.interfaces import Client
from acp.schema import (
    AgentCapabilities,
    ClientCapabilities,
    Implementation,
    InitializeResponse,
    NewSessionResponse,
    PromptCapabilities,
    PromptResponse,
    ResumeSessionResponse,
    SessionCapabilities,
    SessionMode,
    SessionModeState,
    SessionResumeCapabilities,
    SetSessionModeResponse,
    TextContentBlock,
)

from actors.agents.example.commands import carry_out
from actors.agents.example.files import Files
from actors.agents.example.turn import Turn

_ASK: Final = "ask"
_AUTO: Final = "auto"
_MODES: Final = (
    SessionMode(id=_ASK, name="Ask", description="Asks before every write"),
    SessionMode(id=_AUTO, name="Auto", description="Writes without asking"),
)


class Session:
    """One conversation: its workspace, its mode and the turn that runs, if one does."""

    def __init__(self, root: Path) -> None:
        self.files = Files(root)
        self.asks_before_writing = True
        self.turn: asyncio.Task[bool] | None = None


class ExampleAgent:
    """Serves one connection. The SDK calls these methods by their names."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def on_connect(self, client: Client) -> None:
        """Keep the client, which is whom turns are told to."""
        self._client = client

    async def initialize(
        self,
        protocol_version: int,
        client_capabilities: ClientCapabilities | None = None,
        client_info: Implementation | None = None,
        **_: object,
    ) -> InitializeResponse:
        """Agree on the protocol and say what there is: sessions are resumed, not loaded, prompts are text."""
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=AgentCapabilities(
                load_session=False,
                prompt_capabilities=PromptCapabilities(),
                session_capabilities=SessionCapabilities(resume=SessionResumeCapabilities()),
            ),
            agent_info=Implementation(name="lumilink-example", title="LumiLink example", version="1.0"),
            auth_methods=[],
        )

    async def new_session(self, cwd: str, **_: object) -> NewSessionResponse:
        """Open a session on a directory that exists."""
        session_id = uuid.uuid4().hex
        self._sessions[session_id] = await _opened(cwd)
        return NewSessionResponse(session_id=session_id, modes=_modes())

    async def resume_session(self, session_id: str, cwd: str, **_: object) -> ResumeSessionResponse:
        """Go on with a session of another process: there is nothing that this agent would remember."""
        self._sessions[session_id] = await _opened(cwd)
        return ResumeSessionResponse(modes=_modes())

    async def set_session_mode(self, session_id: str, mode_id: str, **_: object) -> SetSessionModeResponse:
        """Ask before writing, or don't."""
        session = self._session(session_id)
        if mode_id not in (_ASK, _AUTO):
            raise RequestError.invalid_params({"modeId": f"expected {_ASK} or {_AUTO}"})
        session.asks_before_writing = mode_id == _ASK
        return SetSessionModeResponse()

    async def prompt(self, session_id: str, prompt: Sequence[object], **_: object) -> PromptResponse:
        """Run one turn. It is a task of its own, so that ``cancel`` can end it and nothing else."""
        session = self._session(session_id)
        if session.turn is not None:
            raise RequestError.invalid_request({"details": "a turn is running in this session"})
        text = "".join(block.text for block in prompt if isinstance(block, TextContentBlock))
        turn = Turn(self._client, session_id, session)
        session.turn = asyncio.create_task(carry_out(text, turn, session.files))
        try:
            await asyncio.wait({session.turn})
            finished = not session.turn.cancelled() and session.turn.result()
        finally:
            session.turn.cancel()
            session.turn = None
        return PromptResponse(stop_reason="end_turn" if finished else "cancelled")

    async def cancel(self, session_id: str, **_: object) -> None:
        """End the running turn; its prompt is then answered with ``cancelled``."""
        session = self._sessions.get(session_id)
        if session is not None and session.turn is not None:
            session.turn.cancel()

    def _session(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise RequestError.invalid_params({"sessionId": "there is no such session"})
        return session


async def _opened(cwd: str) -> Session:
    root = Path(cwd)
    if not root.is_absolute() or not await asyncio.to_thread(root.is_dir):
        raise RequestError.invalid_params({"cwd": "expected the absolute path of a directory"})
    return Session(root)


def _modes() -> SessionModeState:
    return SessionModeState(current_mode_id=_ASK, available_modes=list(_MODES))
