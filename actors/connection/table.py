"""The sessions that live on one connection, by our id and by the agent's."""

from __future__ import annotations

from collections.abc import Iterator

from actors import errors
from actors.connection.messages import SessionDirectory
from actors.connection.session import Session
from actors.kernel.ref import ActorRef
from actors.protocol.envelope import Envelope


class SessionTable:
    """Keeps the worker's directory true: what is added here is found there, with ``holder``."""

    __slots__ = ("_by_agent_id", "_by_id", "_directory", "_holder")

    def __init__(self, directory: SessionDirectory, holder: ActorRef) -> None:
        self._directory = directory
        self._holder = holder
        self._by_id: dict[str, Session] = {}
        self._by_agent_id: dict[str, Session] = {}

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, session_id: str) -> Session | None:
        """The session with this id of ours."""
        return self._by_id.get(session_id)

    def add(self, session: Session) -> None:
        """A session was opened. Raises AgentProtocolError if the agent gave it another's name."""
        if session.agent_id in self._by_agent_id:
            raise errors.AgentProtocolError("the agent gave a new session the id of another")
        self._by_id[session.session_id] = session
        self._by_agent_id[session.agent_id] = session
        self._directory.session_opened(session.session_id, self._holder)

    def rename(self, session: Session, agent_id: str) -> None:
        """The agent has another name for a session now."""
        self._by_agent_id.pop(session.agent_id, None)
        session.agent_id = agent_id
        self._by_agent_id[agent_id] = session

    def remove(self, session: Session) -> None:
        """A session is over."""
        self._by_id.pop(session.session_id, None)
        self._by_agent_id.pop(session.agent_id, None)
        self._directory.session_closed(session.session_id)

    def named(self, agent_id: str) -> Session | None:
        """The session that the agent calls by this name."""
        return self._by_agent_id.get(agent_id)

    def concerned(self, message: Envelope) -> Session | None:
        """The session that a message of the agent names; without a name, the only one there is."""
        if message.session_id is not None:
            return self._by_agent_id.get(message.session_id)
        return next(iter(self._by_id.values())) if len(self._by_id) == 1 else None
