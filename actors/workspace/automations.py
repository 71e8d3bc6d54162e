"""The automations of one workspace, as its connections and its callers reach them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from actors import errors
from actors.automation.actor import AutomationActor, AutomationScope
from actors.automation.messages import (
    Approved,
    AskApproval,
    Automate,
    AutomationNews,
    PullRequestNews,
    SessionClosed,
    SessionLoaded,
)
from actors.automation.order import Order
from actors.automation.outcome import Summary
from actors.automation.run import Hands
from actors.automation.settings import AutomationSettings
from actors.automation.stream import Writer
from actors.journal.contract import Journal
from actors.kernel.actor import ActorContext
from actors.kernel.identity import ActorId
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.supervision import Directive
from actors.migration.streams import WorkspaceName
from actors.placement.leases import Lease

log = logging.getLogger("lumilink.workspace")

IDLE_S: Final = 60.0
RETRY_S: Final = 0.5
NEWS_DEADLINE_S: Final = 4.0
"""Less than what the callers of a worker wait."""
# Whoever looks for what was left next makes another actor.
_OPTIONS: Final = ActorOptions(idle_after_s=IDLE_S, on_failure=lambda _error: Directive.STOP)


@dataclass(frozen=True, slots=True)
class Automation:
    """What the automations of a worker's workspaces have in common. ``hands`` are made when first needed."""

    settings: AutomationSettings
    journal: Journal
    writer: Writer
    hands: Callable[[], Hands]


class Automations:
    """The ``AutomationDesk`` of one workspace, whose actor ``context`` belongs to.

    ``tell`` brings a message to the connection that holds a session, if one does.
    """

    def __init__(
        self,
        context: ActorContext,
        name: WorkspaceName,
        lease: Lease,
        automation: Automation,
        tell: Callable[[str, AutomationNews | AskApproval], None],
    ) -> None:
        self._context = context
        self._name = name
        self._lease = lease
        self._automation = automation
        self._tell_session = tell
        self._id = ActorId("automation", lease.workspace)
        self.is_on = automation.settings.is_on(name.installation)
        self.wait_s = automation.settings.wait_s

    async def carry_out(self, order: Order, wait_s: float) -> Summary | None:
        """See ``AutomationDesk.carry_out``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            try:
                return await self._ask(order, max(until - loop.time(), 0.0))
            except (errors.ActorStoppedError, errors.ActorFailedError):
                # It could not read the journal, or is about to end with all of us.
                if loop.time() + RETRY_S > until:
                    raise
            await asyncio.sleep(RETRY_S)

    async def _ask(self, order: Order, wait_s: float) -> Summary | None:
        actor = self._actor()
        # An ask that nobody waits for any more is not handled, and the order must be.
        actor.tell(Automate(order))
        try:
            summary = await actor.ask(Automate(order), wait_s)
        except errors.AskDeadlineError:
            return None
        assert isinstance(summary, Summary)
        return summary

    def session_loaded(self, session_id: str, after_seq: int) -> None:
        """See ``AutomationDesk.session_loaded``."""
        if self.is_on:
            self._tell(SessionLoaded(session_id, after_seq))

    def session_closed(self, session_id: str) -> None:
        """See ``AutomationDesk.session_closed``."""
        if self.is_on or self._id in self._context.children:
            self._tell(SessionClosed(session_id))

    def approved(self, key: str, *, ok: bool) -> None:
        """See ``AutomationDesk.approved``."""
        self._tell(Approved(key, ok))

    def begin(self) -> None:
        """Go on with what was left."""
        self._actor()

    async def hear(self, news: PullRequestNews) -> bool:
        """Whether what the forge tells is news, of a pull request of this workspace."""
        return bool(await self._actor().ask(news, NEWS_DEADLINE_S))

    def _actor(self) -> ActorRef:
        return self._context.get_or_spawn(self._id, lambda: AutomationActor(self._scope()), _OPTIONS)

    def _scope(self) -> AutomationScope:
        name, automation = self._name, self._automation
        return AutomationScope(
            name.installation,
            name.workspace_id,
            self._lease,
            automation.journal,
            automation.writer,
            automation.hands(),
            self._tell_session,
        )

    def _tell(self, message: object) -> None:
        try:
            self._actor().tell(message)
        except errors.LumiLinkError as error:
            log.warning("%s does not hear %s: %s", self._id, type(message).__name__, error)
