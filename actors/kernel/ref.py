"""The address of an actor: send through it, wait on it, see its numbers; its state stays hidden."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from actors.kernel.asks import Ask

if TYPE_CHECKING:
    from actors.kernel.activation import Activation
    from actors.kernel.identity import ActorId
    from actors.kernel.states import StopReason
    from actors.kernel.statistics import ActorStatistics


class ActorRef:
    """Reaches one activation, over all its restarts, from the event loop that it runs on.

    When the activation has ended the ref is spent; ``get_or_spawn`` gives a new one for the same id.
    """

    __slots__ = ("_activation", "_inbox", "id")

    def __init__(self, activation: Activation) -> None:
        self.id: ActorId = activation.id
        self._activation = activation
        self._inbox = activation.inbox

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorRef) and self._activation is other._activation

    def __hash__(self) -> int:
        return hash(self._activation)

    def __repr__(self) -> str:
        return f"<ActorRef {self.id}>"

    def tell(self, message: object) -> None:
        """Put ``message`` into the mailbox; MailboxFullError or ActorStoppedError if it is not accepted."""
        self._inbox.deliver(message)

    async def ask(self, message: object, deadline_s: float) -> object:
        """Send ``message`` and wait for its reply, at most ``deadline_s`` seconds.

        Raises what ``receive`` rejected it with (a LumiLinkError); ActorFailedError if the actor failed
        on it; ActorStoppedError, MailboxFullError; AskDeadlineError. A message whose deadline has passed,
        or whose asker was cancelled, before its turn came is not handled any more.
        """
        loop = asyncio.get_running_loop()
        ask = Ask(message, loop.create_future())
        self._inbox.deliver(ask)
        deadline = loop.call_later(deadline_s, ask.expire, f"{self.id} gave no answer in {deadline_s:g} s")
        try:
            return await ask.answered
        finally:
            deadline.cancel()

    async def stopped(self) -> StopReason:
        """Wait until the activation has ended, for any reason but a restart."""
        return await self._activation.stopped()

    def statistics(self) -> ActorStatistics:
        """What the actor did so far, and what waits for it."""
        return self._activation.statistics()
