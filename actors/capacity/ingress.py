"""What the ingress replicas tell of themselves, so that they find each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IngressReport:
    """What an ingress replica says of itself, about once a second."""

    replica_id: str
    host: str
    port: int
    pid: int
