"""What the pieces of the benchmark tell each other, as JSON: names in camelCase, units in the names."""

from __future__ import annotations

from typing import Final

import msgspec

_KEPT_UP: Final = 0.9


class AgentReport(msgspec.Struct, frozen=True, rename="camel"):
    """The stub agent's own record: updates sent, turns that a full socket held back, own lateness in ms."""

    sent: int
    sent_by_session: dict[str, int]
    held: int
    late_p99_ms: float | None
    late_max_ms: float | None


class Latency(msgspec.Struct, frozen=True, rename="camel"):
    """From an update's stamp to its arrival, in ms; None where none arrived."""

    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None


class PhaseResult(msgspec.Struct, frozen=True, rename="camel"):
    """One phase of load on one target.

    ``offered`` is the number of updates that the schedule puts in the measured window (None in a closed
    loop), ``carried`` how many arrived within it. ``missing`` updates were ordered and had not arrived when
    the phase's last deadline passed. ``cpu_s`` is user and system time in the window by role; ``elsewhere``
    is what the rest of the machine used.
    """

    name: str
    sessions: int
    seconds: float
    offered: int | None
    carried: int
    latency: Latency
    missing: int
    doubled: int
    reordered: int
    turns: dict[str, int]
    cpu_s: dict[str, float]
    agent_late_p99_ms: float | None

    @property
    def per_second(self) -> float:
        """Updates carried per second."""
        return self.carried / self.seconds

    @property
    def served(self) -> bool:
        """Whether every ordered update arrived, once and in order, and every turn ended as it should."""
        return not (self.missing or self.doubled or self.reordered) and set(self.turns) <= {"end_turn"}

    @property
    def kept_up(self) -> bool:
        """Whether at least 90 % of what was offered arrived in the window; always so in a closed loop."""
        return self.offered is None or self.carried >= _KEPT_UP * self.offered

    def cpu_us(self, role: str) -> float | None:
        """CPU of ``role`` an update carried, in us; None where unknown, or where the target did not keep up.

        Much of an overloaded target's CPU goes into updates that arrive after the window.
        """
        spent = self.cpu_s.get(role)
        return None if spent is None or not self.carried or not self.kept_up else spent / self.carried * 1e6


class GeneratorResult(msgspec.Struct, frozen=True, rename="camel"):
    """One run of the generator.

    ``refused`` counts by reason the sessions that could not be opened, ``dropped`` the connections that ended
    unasked afterwards. ``memory_bytes`` is the growth of the resident set by role while the sessions opened.
    """

    url: str
    asked: int
    opened: int
    refused: dict[str, int]
    dropped: int
    open_s: float
    memory_bytes: dict[str, int]
    phases: list[PhaseResult]


class TrialResult(msgspec.Struct, frozen=True, rename="camel"):
    """One target, started fresh, measured once and stopped; ``failure`` says why there is no ``load``.

    ``note`` says what is left out of the load and why.
    """

    target: str
    round: int
    ready_s: float | None = None
    load: GeneratorResult | None = None
    failure: str | None = None
    note: str | None = None
