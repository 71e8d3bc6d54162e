"""Who an actor is: a kind and a key, the same over restarts, passivation and failover."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActorId:
    """An actor's identity; ``str(ActorId("workspace", "w-17"))`` is ``workspace/w-17``."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"
