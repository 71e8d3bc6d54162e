"""What connections and their workspace tell each other about the protocol that carries sessions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from actors.errors import Category
from actors.protocol.agent_protocol import AgentProtocol


class SampleKind(StrEnum):
    """What was tried over ACP, and went well or did not."""

    HANDSHAKE = "handshake"
    """An agent was dialled and answered ``initialize``."""
    SET_UP = "set-up"
    """It made, loaded or resumed a session."""
    TURN = "turn"
    """It carried a prompt to its end. One that a client cancelled is no sample."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The protocol for an agent that is dialled now. ``is_probe``: it tries ACP for a workspace on HTTP."""

    protocol: AgentProtocol
    is_probe: bool = False


class ProtocolStanding(Protocol):
    """Where a workspace stands: its connections ask it before they dial, and tell it how that went."""

    def choose(self, session_id: str) -> Chosen:
        """The protocol for a session's agent, from now on. The same session gets the same answer while the
        standing does not change.
        """

    def note(
        self, kind: SampleKind, *, ok: bool, is_probe: bool = False, latency_p95_ms: float | None = None
    ) -> None:
        """Something that was tried over ACP has ended. What goes over HTTP is no sample.

        ``latency_p95_ms`` is that of the link it was tried over, where it was measured.
        """

    @property
    def fallback_enabled(self) -> bool:
        """Whether a session that ACP fails may go on over HTTP."""


@dataclass(frozen=True, slots=True)
class SwitchProtocol:
    """Told to the connections of a workspace: carry on over ``to``, each as soon as no turn of it runs.

    Attached clients get ``toast``, at most 140 characters, as a notice of this ``kind``; the turn that runs
    ends first. A connection that is there already does nothing but say ``Switched``.
    """

    to: AgentProtocol
    kind: str
    toast: str
    reason: str


@dataclass(frozen=True, slots=True)
class FellBack:
    """Told to the workspace: a session goes on over HTTP by itself, since ACP failed it."""

    session_id: str
    code: str
    category: Category
    reason: str


@dataclass(frozen=True, slots=True)
class Switched:
    """Told to the workspace: a connection has carried out ``SwitchProtocol``, or could not.

    ``error`` is the code of what kept it from it, empty where nothing did.
    """

    session_id: str
    to: AgentProtocol
    error: str = ""
