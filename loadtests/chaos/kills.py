"""What is killed in a chaos run, and when: the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Final


class Victim(StrEnum):
    """A kind of process."""

    WORKER = "worker"
    INGRESS = "ingress"
    HAPROXY = "haproxy"
    CAPACITY = "capacity"
    POOL = "pool"
    PROJECTOR = "projector"
    EVENTS = "events"
    ROLLOUT = "rollout"
    REPORTING = "reporting"
    AGENT = "agent"
    """The agent, which is started again at once."""
    GATEWAY = "gateway"
    """All processes of the gateway, which is started again on the same data."""


Weights = Mapping[Victim, int]

USUAL: Final[Weights] = MappingProxyType(
    {
        Victim.WORKER: 8,
        Victim.INGRESS: 5,
        Victim.HAPROXY: 2,
        Victim.CAPACITY: 3,
        Victim.POOL: 1,
        Victim.PROJECTOR: 1,
        Victim.EVENTS: 1,
        Victim.ROLLOUT: 1,
        Victim.REPORTING: 1,
        Victim.AGENT: 1,
        Victim.GATEWAY: 1,
    }
)


@dataclass(frozen=True)
class Kill:
    """One kill: ``after_s`` seconds after the one before, ``which`` of the living (0.0-1.0) it hits."""

    victim: Victim
    after_s: float
    which: float


def plan_kills(
    seed: int, kills: int, duration_s: float, weights: Weights = USUAL, gap_s: float = 0.0
) -> list[Kill]:
    """So many kills at random moments of ``duration_s``, at least ``gap_s`` after each other.

    Each kind comes as often as its weight says: kinds are dealt like cards from a shuffled deck, so that a
    short run has its share of the rare ones too.
    """
    chance = Random(seed)
    free_s = max(0.0, duration_s - kills * gap_s)
    drawn = sorted(chance.uniform(0.0, free_s) for _ in range(kills))
    moments = [moment + number * gap_s for number, moment in enumerate(drawn, 1)]
    deck: list[Victim] = []
    plan: list[Kill] = []
    before = 0.0
    for moment in moments:
        if not deck:
            deck = [victim for victim, weight in weights.items() for _ in range(weight)]
            chance.shuffle(deck)
        plan.append(Kill(deck.pop(), moment - before, chance.random()))
        before = moment
    return plan
