"""One turn over AgentAPI: wait until the agent takes a message, say it, wait until the agent has worked.

That a turn is over is told by the event stream. What that may have missed is asked for: the status slowly,
for it may not be answered before the turn's end, and the whole conversation once, when the turn is over.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final, TypeVar

import httpx

from actors.agents.agentapi.activity import Activity
from actors.agents.agentapi.client import AgentApiClient, Refusal
from actors.agents.agentapi.conversation import Conversation, Piece
from actors.agents.agentapi.events import RUNNING
from actors.agents.agentapi.patience import Patience
from actors.errors import (
    AgentTimeoutError,
    AgentUnreachableError,
    InvalidParamsError,
    LumiLinkError,
    TurnInterruptedError,
)

T = TypeVar("T", None, Refusal | None)

log = logging.getLogger("lumilink.agent")

ESCAPE: Final = "\x1b"

# Of all that a 500 may mean, this alone says that the agent never saw the message.
_BUSY: Final = "waiting for user input"
_MESSAGE_KEPT_S: Final = 20.0


class Prompt:
    """A prompt that waits or runs. ``body`` is the request that says ``text``."""

    def __init__(self, text: str, body: bytes) -> None:
        self.text = text
        self.body = body
        self.cancelled = asyncio.Event()


class Turn:
    """Runs one prompt. ``show`` is given what is new, ``refresh`` has the conversation told anew."""

    def __init__(
        self,
        client: AgentApiClient,
        activity: Activity,
        conversation: Conversation,
        show: Callable[[Sequence[Piece]], None],
        refresh: Callable[[float], Awaitable[bool]],
        patience: Patience,
        *,
        has_terminal: bool,
    ) -> None:
        self._client = client
        self._activity = activity
        self._conversation = conversation
        self._show = show
        self._refresh = refresh
        self._patience = patience
        self._has_terminal = has_terminal
        self._looking: asyncio.Task[None] | None = None
        self._errands: list[asyncio.Task[None] | asyncio.Task[Refusal | None]] = []

    async def run(self, prompt: Prompt) -> str:
        """The stop reason: ``end_turn``, or ``cancelled`` if the agent stopped in time.

        Raises AgentTimeoutError (busy for too long, or not stopped in time), TurnInterruptedError (the agent
        failed; its own words are in the detail), InvalidParamsError, and what the client raises.
        """
        give_up = _now() + self._patience.busy_s
        try:
            while True:
                await self._until_stable(prompt, give_up)
                if prompt.cancelled.is_set():
                    return "cancelled"
                if await self._say(prompt):
                    break
                self._activity.note(RUNNING)
            await self._compare()
        finally:
            await self._drop_errands()
            self._show(self._conversation.flush())
        if self._activity.error:
            raise TurnInterruptedError(f"the agent failed: {self._activity.error}")
        return "cancelled" if prompt.cancelled.is_set() else "end_turn"

    # ------------------------------------------------------------------ within

    async def _until_stable(self, prompt: Prompt, give_up: float) -> None:
        pause = self._patience.first_look_s
        if not self._activity.status:
            self._look(worked=False)
        while not self._activity.is_stable and not prompt.cancelled.is_set():
            left = give_up - _now()
            if left <= 0:
                raise AgentTimeoutError(f"the agent was at work for over {self._patience.busy_s:g} s", 30.0)
            if not await self._activity.rung(min(pause, left)):
                pause = min(2 * pause, self._patience.last_look_s)
                self._look(worked=False)

    async def _say(self, prompt: Prompt) -> bool:
        """Say the prompt and wait for the end of the work on it; false if the agent was busy."""
        self._activity.begin()
        self._conversation.expect(prompt.text)
        saying = self._errand(self._client.say(prompt.body))
        pause, accepted, stop_by = self._patience.last_look_s, False, math.inf
        while True:
            if saying.done() and not accepted:
                if await self._is_busy(saying):
                    return False
                accepted, pause = True, self._patience.first_look_s
                if not self._has_terminal:
                    self._activity.note_worked()  # it was answered when the work was done
            if accepted and self._activity.is_over:
                return True
            if prompt.cancelled.is_set() and stop_by == math.inf:
                stop_by = _now() + self._patience.stop_s
                self._stop()
            if _now() >= stop_by:
                raise AgentTimeoutError(f"the agent did not stop within {self._patience.stop_s:g} s")
            if not await self._activity.rung(min(pause, stop_by - _now())) and accepted:
                pause = min(2 * pause, self._patience.last_look_s)
                self._look(worked=True)

    async def _is_busy(self, saying: asyncio.Task[Refusal | None]) -> bool:
        """Whether the message was refused because of that. Raises whatever else kept it from the agent."""
        try:
            refusal = saying.result()
        except AgentUnreachableError as error:
            await self._find_message(error)
            return False
        if refusal is None:
            return False
        if refusal.status == httpx.codes.INTERNAL_SERVER_ERROR and _BUSY not in refusal.cause:
            raise TurnInterruptedError(f"the agent did not carry out the prompt: {refusal.cause}")
        self._conversation.expect_no_more()
        if refusal.status != httpx.codes.INTERNAL_SERVER_ERROR:
            raise InvalidParamsError(f"the agent does not take this prompt: {refusal.cause}")
        return True

    async def _find_message(self, error: LumiLinkError) -> None:
        """The answer was lost. Raises ``error`` unless the message turns up in the conversation."""
        give_up = _now() + _MESSAGE_KEPT_S
        while True:
            await self._compare()
            if not self._conversation.is_awaiting:
                return
            if _now() >= give_up:
                raise error
            await asyncio.sleep(self._patience.first_look_s)

    async def _compare(self) -> None:
        """Hear what the event stream has not told yet; what is not told in time is shown when it is."""
        if not await self._refresh(self._patience.answer_s):
            log.info("the conversation was not told anew within %g s", self._patience.answer_s)

    def _look(self, *, worked: bool) -> None:
        """Ask for the status unless that is under way; ``worked`` if it has begun to work before."""
        if self._looking is None or self._looking.done():
            self._looking = self._errand(self._ask_status(worked=worked))

    async def _ask_status(self, *, worked: bool) -> None:
        try:
            answer = await self._client.status(self._patience.answer_s)
        except LumiLinkError as error:
            log.debug("the status was not told: %s", error)
            return
        if worked:
            self._activity.note_worked()
        self._activity.note(answer.status)

    def _stop(self) -> None:
        """Press Escape. Without a terminal there is no way to stop it: there, keys would be a prompt."""
        if self._has_terminal:
            self._errand(self._press_escape())

    async def _press_escape(self) -> None:
        try:
            refusal = await self._client.press(ESCAPE, self._patience.stop_s)
        except LumiLinkError as error:
            log.info("the agent was not told to stop: %s", error)
            return
        if refusal is not None:
            log.info("the agent was not told to stop: %s", refusal.cause)

    def _errand(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._errands.append(task)
        task.add_done_callback(lambda _: self._activity.ring())
        return task

    async def _drop_errands(self) -> None:
        errands, self._errands = self._errands, []
        for task in errands:
            task.cancel()
        # What an errand came to was looked at, or does not matter any more.
        await asyncio.gather(*errands, return_exceptions=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
