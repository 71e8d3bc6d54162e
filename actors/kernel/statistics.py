"""Frozen snapshots of what an actor, or all of them together, did so far."""

from __future__ import annotations

from dataclasses import dataclass

from actors.kernel.identity import ActorId
from actors.kernel.states import ActivationState


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What is counted for each activation, and summed for the system."""

    handled: int = 0
    """Messages given to ``receive``."""
    rejected: int = 0
    """Messages that were answered with a LumiLinkError."""
    refused: int = 0
    """Messages that met a full mailbox."""
    expired: int = 0
    """Asks whose deadline passed, or whose caller went away, before their turn came."""
    dead_letters: int = 0
    """Tells that were accepted and not handled to the end, because the actor stopped or failed."""
    failures: int = 0
    """Unexpected exceptions, in a message, a task or ``started()``."""
    restarts: int = 0
    """Instances made after the first."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            handled=self.handled + other.handled,
            rejected=self.rejected + other.rejected,
            refused=self.refused + other.refused,
            expired=self.expired + other.expired,
            dead_letters=self.dead_letters + other.dead_letters,
            failures=self.failures + other.failures,
            restarts=self.restarts + other.restarts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorStatistics:
    """One activation at one moment."""

    id: ActorId
    state: ActivationState
    mailbox_depth: int
    mailbox_high_water: int
    mailbox_capacity: int
    children: int
    tasks: int
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatistics:
    """A system at one moment; the counts include those of actors that have ended."""

    actors: int
    tasks: int
    mailbox_depth: int
    counts: Counts
