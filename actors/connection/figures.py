"""How a link fares, in the figures that lists show and the journal keeps."""

from __future__ import annotations

from dataclasses import dataclass

from actors.connection.agreement import capabilities_in
from actors.connection.health import ConnectionHealth


@dataclass(frozen=True, slots=True)
class Figures:
    """At one moment. What was not measured is None. ``silent_s``: so long nothing was heard."""

    success_rate: float | None = None
    latency_p95_ms: float | None = None
    throughput_per_min: int = 0
    silent_s: float | None = None
    capabilities: tuple[str, ...] = ()

    def shown(self) -> dict[str, object]:
        """As lists show them."""
        return {
            "silentForMs": None if self.silent_s is None else round(self.silent_s * 1000),
            "latencyP95Ms": self.latency_p95_ms,
            "throughputPerMin": self.throughput_per_min,
            "successRate": 1.0 if self.success_rate is None else round(self.success_rate, 4),
        }


def figures_of(health: ConnectionHealth, profile: bytes, now: float) -> Figures:
    """The figures of a link to an agent whose ``initialize`` result is ``profile``."""
    found = health.snapshot(now)
    p95 = found.latency_p95_s
    return Figures(
        success_rate=found.success_rate if found.answers else None,
        latency_p95_ms=None if p95 is None else round(p95 * 1000, 1),
        throughput_per_min=found.throughput_per_min,
        silent_s=None if found.last_heard is None else now - found.last_heard,
        capabilities=tuple(capabilities_in(profile)),
    )
