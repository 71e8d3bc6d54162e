"""What a connection actor is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from actors import errors
from actors.agents.link import LinkClosed
from actors.agents.target import AgentTarget
from actors.automation.order import Wish
from actors.connection.attachment import Attachment
from actors.connection.events import Asker
from actors.connection.reconnecting import ReconnectPolicy
from actors.kernel.ref import ActorRef
from actors.protocol import surroundings
from actors.protocol.envelope import Envelope


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How connections are made and kept. Times in seconds, sizes in bytes.

    ``target`` is the agent. Where it speaks ACP, ``fallback`` may be the same one over HTTP, and
    ``fallback_enabled`` says whether a session that ACP fails goes on there. ``agent_environment`` are
    patterns of the names of variables that a local agent inherits.
    """

    target: AgentTarget
    fallback: AgentTarget | None = None
    fallback_enabled: bool = True
    agent_start_timeout_s: float = 60.0
    request_timeout_s: float = 60.0
    cancel_grace_s: float = 30.0
    detached_ttl_s: float = 900.0
    max_frame_bytes: int = 16 * 1024 * 1024
    agent_idle_s: float = 900.0
    question_ttl_s: float = 86_400.0
    stall_timeout_s: float = 1800.0
    reconnect: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    agent_environment: tuple[str, ...] = ("*",)
    agent_wait_s: float = 60.0


class SessionDirectory(Protocol):
    """Where a worker looks up who holds a session; the connection actors keep it true."""

    def session_opened(self, session_id: str, holder: ActorRef) -> None:
        """From now on ``holder`` takes what concerns the session."""

    def session_closed(self, session_id: str) -> None:
        """The session is not held here any more."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Dial the agent and start a session on it: ``session/new``. ``user`` is who opens it."""

    session_id: str
    attachment: Attachment
    request: Envelope
    client_initialize: bytes
    cwd: str
    surroundings: bytes = surroundings.NONE
    user: str = ""


class AttachMode(StrEnum):
    """How a client joins a session that is there."""

    LOAD = "session/load"
    RESUME = "session/resume"
    CURSOR = "_lumilink/session/attach"


@dataclass(frozen=True, slots=True)
class AttachSession:
    """A client joins: ``session/load``, ``session/resume`` or ``_lumilink/session/attach``.

    ``again``: its connection had a view of the session, which it lost. ``pending`` are then the ids, as JSON
    text, of its prompts that were not answered.
    """

    session_id: str
    attachment: Attachment
    request: Envelope
    mode: AttachMode
    after_seq: int = 0
    again: bool = False
    pending: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class ForkSession:
    """``session/fork``: the agent makes a second session out of one; the client is attached to it."""

    session_id: str
    new_session_id: str
    attachment: Attachment
    request: Envelope


@dataclass(frozen=True, slots=True)
class Detach:
    """A client's view ended. Its session goes on."""

    session_id: str
    attachment: Attachment


@dataclass(frozen=True, slots=True)
class ClientFrame:
    """A message of an attached client."""

    session_id: str
    attachment: Attachment
    frame: bytes


@dataclass(frozen=True, slots=True)
class Credit:
    """An attachment that fell behind may read on."""

    session_id: str
    attachment: Attachment
    frames: int
    size: int


@dataclass(frozen=True, slots=True)
class AgentGone:
    """The link to the agent ended, after everything that it sent was handled."""

    closed: LinkClosed


@dataclass(frozen=True, slots=True)
class RequestOverdue:
    """A client's request is unanswered at its deadline."""

    asker: Asker
    error: errors.LumiLinkError


@dataclass(frozen=True, slots=True)
class CancelOverdue:
    """The time is over that agents get to end the turn of a cancelled prompt, whose request ``call`` is.

    ``stuck``: nobody cancelled it but we, since nothing came of it.
    """

    call: int
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class ListQuestions:
    """Ask: the open questions of a session that can be decided, a list of ``QuestionView``."""

    session_id: str


@dataclass(frozen=True, slots=True)
class QuestionView:
    """An open question; ``params`` are those of the agent's request, as JSON text."""

    question_id: str
    method: str
    params: bytes


@dataclass(frozen=True, slots=True)
class DecideQuestion:
    """Ask: settle a question. ``result`` is the result of the agent's request, as JSON text."""

    session_id: str
    question_id: str
    result: bytes


@dataclass(frozen=True, slots=True)
class QuestionExpired:
    """A question was open for as long as it may be."""

    session_id: str
    question_id: str


@dataclass(frozen=True, slots=True)
class TellAgent:
    """A decision that the agent could not be told a moment ago."""

    session_id: str
    question_id: str


@dataclass(frozen=True, slots=True)
class AskedAgainOverdue:
    """The agent is back for so long that it would have asked again by now, after so many ``absences``."""

    session_id: str
    absences: int


class MakeRoom:
    """Others wait for the memory that this connection's agent takes."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """Whether agents are not to be read for now: the journal cannot keep up."""

    pressed: bool


@dataclass(frozen=True, slots=True)
class JournalAway:
    """Whether the journal's store is away: what happens waits until it is back."""

    away: bool


class SwitchDue:
    """Time to see again whether what the workspace has decided can be carried out."""


class BringBack:
    """Time to try again to reach an agent that went away."""


@dataclass(frozen=True, slots=True)
class RunAutomation:
    """Ask: run a session's automation, for a caller over HTTP; answered with JSON of what came of it.

    The same ``name`` asks for the same run.
    """

    session_id: str
    name: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class EraseSession:
    """Ask: end a session whose conversation is to go; answered with None when nothing of it is held."""

    session_id: str


@dataclass(frozen=True, slots=True)
class DescribeSessions:
    """Ask: a list of ``SessionSummary``."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """What ``session/list`` and the topology tell about a session, and of its link to an agent.

    ``roles`` says how many of the attachments have which role.
    """

    session_id: str
    installation: str
    workspace_id: str
    cwd: str
    title: str | None
    updated_at: str
    attachments: int
    roles: dict[str, int]
    turn: str
    loaded: bool = True
    connection: dict[str, object] | None = None


@dataclass(frozen=True, slots=True)
class DescribeStatus:
    """Ask: the live status of a session, as JSON."""

    session_id: str


@dataclass(frozen=True, slots=True)
class StatusDue:
    """Time to look whether somebody is to be told how a session fares."""

    session_id: str


class Readable:
    """The agent's inbox has frames; see ``inbox.py``."""


class CheckIdle:
    """Time to look whether anyone still uses this connection."""
