"""The books of one worker: which sessions it holds, is making or is taking up, and who waits for those."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from actors import errors
from actors.capacity.roll import Owner
from actors.connection.attachment import Attachment
from actors.connection.messages import AttachSession
from actors.kernel.ref import ActorRef

MAX_WAITING = 64


@dataclass(slots=True)
class Hosted:
    """A session of this worker. Without a ``holder`` it is being made or taken up, and has its place only.

    ``opener`` is the view that it is being made for; ``workspace`` is empty until it is known.
    """

    installation: str
    opener: Attachment | None = None
    holder: ActorRef | None = None
    waiting: list[AttachSession] = field(default_factory=list)
    workspace: str = ""


class HostedSessions:
    """The ``WorkspaceDirectory`` of a worker. ``move`` sends a view to another worker's life."""

    def __init__(self, capacity: int, move: Callable[[Attachment, str], None]) -> None:
        self._capacity = capacity
        self._move = move
        self._hosted: dict[str, Hosted] = {}
        self._ended: list[str] = []

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._hosted

    def get(self, session_id: str) -> Hosted | None:
        """What is known of a session."""
        return self._hosted.get(session_id)

    def holder_of(self, session_id: str, installation: str) -> ActorRef:
        """Who holds a session.

        Raises SessionNotFoundError for one that is not there, is another tenant's, or is still being made.
        """
        hosted = self._hosted.get(session_id)
        if hosted is None or hosted.holder is None or hosted.installation != installation:
            raise errors.SessionNotFoundError(f"no session {session_id}")
        return hosted.holder

    def ids(self) -> list[str]:
        """All sessions that are held here, or have a place."""
        return list(self._hosted)

    def owners(self) -> dict[str, Owner]:
        """The same, each with its owner."""
        return {name: Owner(one.installation, one.workspace) for name, one in self._hosted.items()}

    def take_ended(self) -> list[str]:
        """The sessions that have ended here since this was called last."""
        ended, self._ended = self._ended, []
        return ended

    def workspace_of(self, session_id: str) -> str:
        """The workspace of a session; empty where it is not known yet."""
        hosted = self._hosted.get(session_id)
        return hosted.workspace if hosted is not None else ""

    def holders(self, installation: str) -> set[ActorRef]:
        """The actors that hold sessions of a tenant."""
        found = (one.holder for one in self._hosted.values() if one.installation == installation)
        return {holder for holder in found if holder is not None}

    def all_holders(self) -> set[ActorRef]:
        """All actors that hold sessions."""
        return {one.holder for one in self._hosted.values() if one.holder is not None}

    def of_installation(self, installation: str) -> list[str]:
        """The ids of a tenant's sessions."""
        return [name for name, one in self._hosted.items() if one.installation == installation]

    def reserve(self, session_id: str, installation: str, opener: Attachment | None = None) -> Hosted:
        """A place for a session. Raises CapacityError."""
        if len(self._hosted) >= self._capacity:
            raise errors.CapacityError(f"the worker holds {self._capacity} sessions, as many as it may")
        hosted = self._hosted[session_id] = Hosted(installation, opener)
        return hosted

    def wait(self, hosted: Hosted, message: AttachSession) -> None:
        """Attach a client once the session is there. Raises MailboxFullError where 64 wait."""
        if len(hosted.waiting) >= MAX_WAITING:
            raise errors.MailboxFullError(f"{MAX_WAITING} clients wait for the session")
        hosted.waiting.append(message)

    # ------------------------------------------------------------------ WorkspaceDirectory

    def session_opened(self, session_id: str, holder: ActorRef) -> None:
        """A connection actor holds the session now."""
        hosted = self._hosted.get(session_id)
        if hosted is None:
            return
        hosted.holder = holder
        waiting, hosted.waiting = hosted.waiting, []
        for message in waiting:
            try:
                holder.tell(message)
            except errors.LumiLinkError as error:
                message.attachment.end(error)

    def session_closed(self, session_id: str) -> None:
        """The session is not held here any more, or could not be opened."""
        self.session_failed(session_id, errors.SessionMovedError("the session was let go"))

    def session_failed(self, session_id: str, error: errors.LumiLinkError) -> None:
        """The session cannot be opened or taken up here."""
        for attachment in self._drop(session_id):
            attachment.end(error)

    def session_elsewhere(self, session_id: str, life: str) -> None:
        """Another worker's life holds the workspace."""
        for attachment in self._drop(session_id):
            self._move(attachment, life)

    def _drop(self, session_id: str) -> list[Attachment]:
        """Forget a session; returns the views that still wait for it."""
        hosted = self._hosted.pop(session_id, None)
        if hosted is None:
            return []
        self._ended.append(session_id)
        opener = [hosted.opener] if hosted.opener is not None and hosted.holder is None else []
        return [*opener, *(message.attachment for message in hosted.waiting)]
