"""Carrying out what the workspace decides: sessions are carried by the other protocol, between two turns.

Attached clients notice a notice and nothing else. Where the agent cannot be reached so, all stays as it was.
"""

from __future__ import annotations

import logging
from typing import Final

from actors import errors
from actors.connection import notices
from actors.connection.carrying import Carrying
from actors.connection.comeback import Comeback
from actors.connection.messages import SwitchDue
from actors.connection.notices import Severity
from actors.connection.opening import Opening
from actors.connection.port import AgentPort
from actors.connection.rejoining import Rejoining
from actors.connection.scope import Scope
from actors.connection.table import SessionTable
from actors.kernel.actor import ActorContext
from actors.migration.contract import Switched, SwitchProtocol
from actors.protocol.agent_protocol import AgentProtocol

log = logging.getLogger("lumilink.connection")

LOOK_AGAIN_S: Final = 0.5


class Switching:
    """Carries out the newest ``SwitchProtocol`` of one connection as soon as it can."""

    def __init__(
        self,
        context: ActorContext,
        scope: Scope,
        port: AgentPort,
        sessions: SessionTable,
        carrying: Carrying,
        rejoining: Rejoining,
        comeback: Comeback,
        opening: Opening,
    ) -> None:
        self._context = context
        self._scope = scope
        self._port = port
        self._sessions = sessions
        self._carrying = carrying
        self._rejoining = rejoining
        self._comeback = comeback
        self._opening = opening
        self._wanted: SwitchProtocol | None = None

    def want(self, message: SwitchProtocol) -> None:
        """The workspace has decided. Of two that wait the later one counts."""
        is_first, self._wanted = self._wanted is None, message
        if is_first:
            self.look_again()

    def look_again(self) -> None:
        """Look now, and again in a while as long as it cannot be carried out."""
        self.look()
        if self._wanted is not None:
            self._context.after(LOOK_AGAIN_S, SwitchDue())

    def look(self) -> None:
        """A turn has ended: it is carried out before the next one, if nothing else is in the way."""
        if self._wanted is not None and self._comeback.is_over and not self._is_busy():
            self._comeback.change(self._context.run(self._carry_out(), name="switch the protocol"))

    def _is_busy(self) -> bool:
        """A prompt that still waits for the agent is none that the agent works on."""
        turns = [session.turns.running for session in self._sessions]
        return self._opening.is_under_way or any(turn is not None and turn.number for turn in turns)

    async def _carry_out(self) -> None:
        message, self._wanted = self._wanted, None
        if message is None or not len(self._sessions):
            return
        error = ""
        if message.to is not self._carrying.protocol:
            error = await self._carrying.obstacle(message.to) or await self._switch(message)
        for session in self._sessions:
            self._scope.tell_workspace(Switched(session.session_id, message.to, error))

    async def _switch(self, message: SwitchProtocol) -> str:
        """Returns the code of what went wrong, if anything did; then all is as it was.

        An agent that nobody needs now is reached when somebody does.
        """
        before, is_needed = self._carrying.protocol, self._port.is_connected
        self._carrying.turn(message.to, message.reason)
        if is_needed:
            self._carrying.is_ordered = True
            try:
                await self._rejoining.ensure()
            except errors.LumiLinkError as error:
                log.warning("workspace %s: no switch to %s: %s", self._scope.workspace_id, message.to, error)
                if self._carrying.protocol is message.to:
                    self._carrying.turn(before, error.detail)
                return error.code
            finally:
                self._carrying.is_ordered = False
        severity = Severity.WARNING if message.to is AgentProtocol.HTTP else Severity.INFO
        for session in self._sessions:
            session.notice(notices.told(message.kind, message.toast, severity), reason=message.reason)
        return ""
