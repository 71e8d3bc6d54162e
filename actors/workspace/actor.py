"""The actor of one workspace: a repository checkout that a tenant works on.

It is the unit of placement: all sessions of a workspace are its children, on one worker.
"""

from __future__ import annotations

from actors import errors
from actors.connection.actor import ConnectionActor
from actors.connection.messages import ConnectionSettings, OpenSession, SessionDirectory
from actors.kernel.actor import Actor
from actors.kernel.identity import ActorId
from actors.kernel.options import ActorOptions
from actors.kernel.ref import ActorRef
from actors.kernel.supervision import Directive


class WorkspaceActor(Actor):
    """Supervises the connections of one workspace."""

    def __init__(
        self, settings: ConnectionSettings, directory: SessionDirectory, installation: str, workspace_id: str
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._installation = installation
        self._workspace_id = workspace_id

    def receive(self, message: object) -> object:
        """Take an ``OpenSession``: each gets a connection actor of its own."""
        if not isinstance(message, OpenSession):
            raise errors.InternalError(f"a workspace actor takes no {type(message).__name__}")
        try:
            self._spawn(message.session_id).tell(message)
        except errors.LumiLinkError as error:
            self._directory.session_closed(message.session_id)
            message.attachment.end(error)
        return None

    def _spawn(self, session_id: str) -> ActorRef:
        return self.context.spawn(
            ActorId("connection", session_id),
            lambda: ConnectionActor(self._settings, self._directory, self._installation, self._workspace_id),
            # The state of a connection that failed is lost with it: its clients are told, not misled.
            ActorOptions(on_failure=lambda _error: Directive.STOP),
        )

    def may_passivate(self) -> bool:
        """Without connections there is nothing to keep."""
        return not self.context.children
