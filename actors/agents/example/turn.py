"""What an agent tells its client in the course of one turn: text, a plan, tool calls, questions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import Enum, auto
from itertools import count
from pathlib import Path
from typing import Final, Protocol

from acp import (
    plan_entry,
    start_tool_call,
    text_block,
    tool_content,
    update_agent_message_text,
    update_plan,
    update_tool_call,
)
from acp.interfaces import Client
from acp.schema import (
    AllowedOutcome,
    FileEditToolCallContent,
    PermissionOption,
    PlanEntryStatus,
    ToolCallLocation,
    ToolCallUpdate,
    ToolKind,
)

_CHUNK: Final = re.compile(r"\S+\s*|\s+")
_WORDS_A_CHUNK: Final = 6

_ALLOW_ONCE: Final = "allow-once"
_ALLOW_ALWAYS: Final = "allow-always"
_REJECT: Final = "reject"
_OPTIONS: Final = (
    PermissionOption(option_id=_ALLOW_ONCE, name="Allow", kind="allow_once"),
    PermissionOption(option_id=_ALLOW_ALWAYS, name="Always allow in this session", kind="allow_always"),
    PermissionOption(option_id=_REJECT, name="Reject", kind="reject_once"),
)


class Answer(Enum):
    """What the user said to a question."""

    ALLOWED = auto()
    REJECTED = auto()
    CANCELLED = auto()


class Permissions(Protocol):
    """What a session remembers of earlier answers."""

    asks_before_writing: bool


class Turn:
    """The telling side of one turn."""

    def __init__(self, client: Client, session_id: str, permissions: Permissions) -> None:
        self._client = client
        self._session_id = session_id
        self._permissions = permissions
        self._tool_numbers = count(1)
        self._steps: Sequence[str] = ()

    async def say(self, text: str) -> None:
        """Stream text, a few words at a time, as a model would."""
        words = _CHUNK.findall(text)
        for start in range(0, len(words), _WORDS_A_CHUNK):
            await self.say_at_once("".join(words[start : start + _WORDS_A_CHUNK]))

    async def say_at_once(self, text: str) -> None:
        """Send one chunk of text."""
        await self._client.session_update(self._session_id, update_agent_message_text(text))

    async def plan(self, *steps: str) -> None:
        """Announce the plan; its first step is begun."""
        self._steps = steps
        await self.step(0)

    async def step(self, current: int) -> None:
        """Say that step ``current`` is being worked on; the number of steps says that all is done."""
        entries = [
            plan_entry(step, status=_step_status(number, current)) for number, step in enumerate(self._steps)
        ]
        await self._client.session_update(self._session_id, update_plan(entries))

    @asynccontextmanager
    async def tool(
        self, title: str, kind: ToolKind, path: Path, change: FileEditToolCallContent | None = None
    ) -> AsyncIterator[ToolCall]:
        """Announce a tool call; an OSError or a cancellation inside the block lets it fail."""
        call = ToolCall(self._client, self._session_id, f"call-{next(self._tool_numbers)}", title)
        await call.announce(kind, path, change)
        try:
            yield call
        except OSError as error:
            await call.fail(str(error))
            raise
        except asyncio.CancelledError:
            await call.fail("cancelled")
            raise

    async def may_write(self, call: ToolCall) -> Answer:
        """Ask the user, unless the session's mode or an earlier answer says that writing is allowed."""
        if not self._permissions.asks_before_writing:
            return Answer.ALLOWED
        chosen = await call.ask(_OPTIONS)
        if chosen == _ALLOW_ALWAYS:
            self._permissions.asks_before_writing = False
        if chosen is None:
            return Answer.CANCELLED
        return Answer.ALLOWED if chosen in (_ALLOW_ONCE, _ALLOW_ALWAYS) else Answer.REJECTED


class ToolCall:
    """One tool call: pending when announced, then in progress, then completed or failed."""

    def __init__(self, client: Client, session_id: str, call_id: str, title: str) -> None:
        self._client = client
        self._session_id = session_id
        self._id = call_id
        self._title = title

    async def announce(self, kind: ToolKind, path: Path, change: FileEditToolCallContent | None) -> None:
        """Tell the client what is about to be done, and where."""
        await self._client.session_update(
            self._session_id,
            start_tool_call(
                self._id,
                self._title,
                kind=kind,
                status="pending",
                locations=[ToolCallLocation(path=str(path))],
                content=None if change is None else [change],
            ),
        )

    async def begin(self) -> None:
        """The tool runs now."""
        await self._client.session_update(self._session_id, update_tool_call(self._id, status="in_progress"))

    async def complete(self, output: str | None = None) -> None:
        """The tool did its work; without ``output`` what was announced stays to be seen."""
        content = None if output is None else [tool_content(text_block(output))]
        await self._client.session_update(
            self._session_id, update_tool_call(self._id, status="completed", content=content)
        )

    async def fail(self, why: str) -> None:
        """The tool did not do its work."""
        content = [tool_content(text_block(why))]
        await self._client.session_update(
            self._session_id, update_tool_call(self._id, status="failed", content=content)
        )

    async def ask(self, options: Sequence[PermissionOption]) -> str | None:
        """Ask the user for permission; the id of the chosen option, or nothing if the turn is cancelled."""
        response = await self._client.request_permission(
            session_id=self._session_id,
            tool_call=ToolCallUpdate(tool_call_id=self._id, title=self._title),
            options=list(options),
        )
        outcome = response.outcome
        return outcome.option_id if isinstance(outcome, AllowedOutcome) else None


def _step_status(number: int, current: int) -> PlanEntryStatus:
    if number == current:
        return "in_progress"
    return "completed" if number < current else "pending"
