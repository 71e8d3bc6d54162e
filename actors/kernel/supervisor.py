"""The supervising side of an actor: its children, and what follows when one of them fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.kernel.ground import Ground, describe
from actors.kernel.states import ENDING, StopReason
from actors.kernel.supervision import Directive, Strategy, Supervision
from actors.kernel.tasks import to_nobody

if TYPE_CHECKING:
    from actors.kernel.activation import Activation
    from actors.kernel.identity import ActorId

log = logging.getLogger("lumilink.kernel")


class Supervisor:
    """Restarts, stops or gives up children; ``escalate`` is the failure of the supervising actor itself."""

    __slots__ = ("_escalate", "_ground", "_supervision", "children")

    def __init__(
        self, ground: Ground, supervision: Supervision, escalate: Callable[[Exception], None]
    ) -> None:
        self._ground = ground
        self._supervision = supervision
        self._escalate = escalate
        self.children: dict[ActorId, Activation] = {}  # in the order in which they were spawned

    def adopt(self, child: Activation) -> None:
        """Supervise a new child; a predecessor under the same id is waited for by the child itself."""
        self.children.pop(child.id, None)
        self.children[child.id] = child

    def release(self, child: Activation) -> None:
        """Forget a child that has ended."""
        if self.children.get(child.id) is child:
            del self.children[child.id]

    def disown(self) -> None:
        """The supervising actor has ended, and can fail no more."""
        self._escalate = to_nobody

    def child_failed(self, child: Activation, failure: Exception) -> None:
        """Decide what follows, and begin it. On return the child no longer handles messages."""
        directive = _decide(child, failure)
        if directive is Directive.STOP:
            child.stop(StopReason.FAILED)
            return
        attempt = None
        if directive is Directive.RESTART:
            attempt = child.window.next_attempt(self._supervision, self._ground.loop.time())
        if attempt is None:
            child.stop(StopReason.ESCALATED)
            self._escalate(failure)
            return
        delay_s = self._supervision.backoff.delay_s(attempt, self._ground.chance())
        previous: Activation | None = None
        for sibling in self._restarting_with(child):
            sibling.restart(delay_s, after=previous)
            previous = sibling

    async def stop_children(self, reason: StopReason) -> None:
        """Stop all children and wait for their end; one by one where later ones depend on earlier ones."""
        newest_first = list(reversed(self.children.values()))
        if self._supervision.strategy is Strategy.REST_FOR_ONE:
            for child in newest_first:
                child.stop(reason)
                await child.stopped()
            return
        for child in newest_first:
            child.stop(reason)
        for child in newest_first:
            await child.stopped()

    def _restarting_with(self, failed: Activation) -> list[Activation]:
        if self._supervision.strategy is Strategy.ONE_FOR_ONE:
            return [failed]
        siblings = list(self.children.values())
        later = siblings[siblings.index(failed) + 1 :]
        return [failed, *(sibling for sibling in later if sibling.state not in ENDING)]


def _decide(child: Activation, failure: Exception) -> Directive:
    try:
        return child.options.on_failure(failure)
    except Exception as error:  # noqa: BLE001 - a decision that fails is one for the next supervisor
        log.error("%s: on_failure failed: %s", child.id, describe(error))
        return Directive.ESCALATE
