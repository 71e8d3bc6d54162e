"""A standing that never changes: for connections whose workspace keeps none."""

from __future__ import annotations

from actors.migration.contract import Chosen, SampleKind
from actors.protocol.agent_protocol import AgentProtocol


class FixedStanding:
    """A ``ProtocolStanding``: always this protocol, whatever becomes of it."""

    __slots__ = ("_chosen", "_fallback_enabled")

    def __init__(self, protocol: AgentProtocol = AgentProtocol.ACP, *, fallback_enabled: bool = True) -> None:
        self._chosen = Chosen(protocol)
        self._fallback_enabled = fallback_enabled

    def choose(self, session_id: str) -> Chosen:
        """The protocol; see ``ProtocolStanding``."""
        return self._chosen

    def note(
        self, kind: SampleKind, *, ok: bool, is_probe: bool = False, latency_p95_ms: float | None = None
    ) -> None:
        """It is not judged by it."""

    @property
    def fallback_enabled(self) -> bool:
        """Whether a session that ACP fails may go on over HTTP."""
        return self._fallback_enabled
