"""What the gateway sends to the chat: updates, questions, notices. The SDK calls these methods by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from acp.exceptions import RequestError
from acp.schema import (
    AllowedOutcome,
    DeniedOutcome,
    PermissionOption,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallUpdate,
    UserMessageChunk,
)

from topology.chat.pieces import choose
from topology.chat.status_line import StatusLine
from topology.chat.view import View

_ANSWER_SIGN: Final = "answer>"

NextLine = Callable[[], Awaitable[str | None]]


class ChatClient:
    """The client side of the protocol. It offers neither files nor terminals: agents work where they run.

    ``next_line`` gives the user's next line for an answer, or ``None`` where there is none to come because
    the input has ended or the user has interrupted the turn.
    """

    def __init__(self, view: View, next_line: NextLine, after_question: Callable[[], None]) -> None:
        self.session_id = ""
        self.own_prompt: str | None = None
        self.commands: frozenset[str] = frozenset()
        self.status = StatusLine(view)
        self._view = view
        self._next_line = next_line
        self._after_question = after_question
        self._seq = 0
        self._one_question = asyncio.Lock()

    def enter(self, session_id: str) -> None:
        """From now on this session is shown, from its beginning."""
        self.session_id = session_id
        self.commands = frozenset()
        self._seq = 0
        self._view.new_session()
        self.status.forget()

    async def session_update(self, session_id: str, update: object, **meta: object) -> None:
        """Show an update, unless it was shown before: a session that is loaded again begins at its start."""
        seq = _seq_of(meta)
        if session_id != self.session_id or (seq is not None and seq <= self._seq):
            return
        self._seq = seq or self._seq
        if isinstance(update, UserMessageChunk) and self._is_own(update):
            return
        commands = getattr(update, "available_commands", None)
        if commands is not None:
            self.commands = frozenset(command.name for command in commands)
        self._view.update(update)

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: Sequence[PermissionOption], **_: object
    ) -> RequestPermissionResponse:
        """Ask the user; one question at a time. No answer means that the turn is cancelled."""
        async with self._one_question:
            chosen = await self._ask(tool_call.title or tool_call.tool_call_id, options)
            self._after_question()
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(
            outcome=AllowedOutcome(outcome="selected", option_id=chosen.option_id)
        )

    async def ext_method(self, method: str, params: Mapping[str, object]) -> dict[str, object]:
        """Refuse: this client has no extensions."""
        raise RequestError.method_not_found(f"_{method}")

    async def ext_notification(self, method: str, params: Mapping[str, object]) -> None:
        """The gateway's own words; the SDK has taken the underscore off."""
        if params.get("sessionId", self.session_id) != self.session_id:
            return
        if method == "lumilink/notice":
            said = next((params[name] for name in ("toast", "message", "kind") if params.get(name)), "notice")
            self._view.notice(str(said), str(params.get("recovery") or params.get("detail") or ""))
        elif method == "lumilink/status":
            self.status.take(params)
        elif method == "lumilink/queued":
            self._view.line(f"(waits for the running turn, place {params.get('place')} in the queue)", "dim")

    async def _ask(self, title: str, options: Sequence[PermissionOption]) -> PermissionOption | None:
        self._view.question(title, options)
        while True:
            self._view.prompt(_ANSWER_SIGN)
            line = await self._next_line()
            if line is None:
                self._view.line("(no answer)", "dim")
                return None
            self._view.took(line, _ANSWER_SIGN)
            chosen = choose(line, options)
            if chosen is not None:
                return chosen
            self._view.line(f"Answer with a number from 1 to {len(options)}, or the beginning of a name.")

    def _is_own(self, update: UserMessageChunk) -> bool:
        """Whether this is the prompt of the running turn, which the user has just typed."""
        content = update.content
        return isinstance(content, TextContentBlock) and content.text == self.own_prompt


def _seq_of(meta: Mapping[str, object]) -> int | None:
    ours = meta.get("lumilink")
    seq = ours.get("seq") if isinstance(ours, dict) else None
    return seq if isinstance(seq, int) else None
