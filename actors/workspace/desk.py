"""What is asked of the protocols of a worker's workspaces, loaded or not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from actors import errors
from actors.connection.messages import ConnectionSettings
from actors.connection.store import SessionStore
from actors.journal.contract import Journal
from actors.kernel.identity import ActorId
from actors.kernel.ref import ActorRef
from actors.kernel.system import ActorSystem
from actors.migration import view
from actors.migration.command import Action, Elsewhere, ProtocolCommand, WorkspaceProtocol
from actors.migration.line import MovingLine
from actors.migration.policies import Policies
from actors.migration.policy import Policy
from actors.migration.stream import StandingStore
from actors.migration.streams import WorkspaceName
from actors.placement.leases import Leases
from actors.workspace.steering import PolicyChanged, Protocols
from actors.workspace.ways import ways_of

log = logging.getLogger("lumilink.worker")

COMMAND_DEADLINE_S: Final = 4.0
"""Less than what the callers of a worker wait."""


class ProtocolDesk:
    """Answers for one worker. ``workspace`` loads a workspace's actor, ``settings`` say how agents are
    reached, and ``policy`` is that of installations which have none of their own.
    """

    def __init__(
        self,
        system: ActorSystem,
        journal: Journal,
        sessions: SessionStore,
        leases: Leases,
        workspace: Callable[[str, str], ActorRef],
        settings: ConnectionSettings,
        policy: Policy,
    ) -> None:
        self._system = system
        self._sessions = sessions
        self._leases = leases
        self._workspace = workspace
        self._ways = ways_of(settings)
        self.policies = Policies(journal, policy, self._tell_policy)
        store = StandingStore(journal, sessions.writer)
        self.protocols = Protocols(store, self.policies, MovingLine())

    async def command(
        self, installation: str, workspace_id: str, command: ProtocolCommand
    ) -> WorkspaceProtocol | Elsewhere:
        """Show a workspace's protocol, or change it; a workspace that is not loaded is loaded for a change.

        Raises WorkspaceNotFoundError, PreconditionError, ConflictError, AskDeadlineError,
        JournalUnavailableError.
        """
        name = WorkspaceName(installation, workspace_id)
        loaded = self._system.find(ActorId("workspace", name.key))
        if loaded is None:
            shown = await self._stored(name)
            if command.action is Action.SHOW:
                return shown
            loaded = self._workspace(installation, workspace_id)
        answer = await loaded.ask(command, COMMAND_DEADLINE_S)
        assert isinstance(answer, WorkspaceProtocol | Elsewhere)
        return answer

    async def _stored(self, name: WorkspaceName) -> WorkspaceProtocol:
        """A workspace as the journal has it."""
        stored = await self.protocols.store.find(name.key)
        if stored is None:
            known = await self._sessions.list(name.installation)
            if not any(one.workspace_id == name.workspace_id for one in known):
                raise errors.WorkspaceNotFoundError(f"no workspace {name.workspace_id}")
        policy = await self.protocols.policies.get(name.installation)
        now_s = self.protocols.clock()
        standing = self.protocols.store.standing(stored, name, policy, now_s, self._ways)
        return view.shown(standing, now_s, ProtocolCommand(Action.SHOW), loaded=False)

    def _tell_policy(self, installation: str, policy: Policy) -> None:
        """An installation has another policy: its workspaces that are loaded take it."""
        prefix = WorkspaceName(installation, "").key
        for key in self._leases.workspaces():
            if key.startswith(prefix):
                self._tell(key, PolicyChanged(policy))

    def _tell(self, key: str, message: PolicyChanged) -> None:
        workspace = self._system.find(ActorId("workspace", key))
        if workspace is None:
            return
        try:
            workspace.tell(message)
        except errors.LumiLinkError as error:
            log.warning("workspace %s hears of its policy when it is loaded anew: %s", key, error)
