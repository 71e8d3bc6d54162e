"""Which worker a workspace goes to: rendezvous hashing with bounded load.

Each key ranks all workers by a hash of both, and goes to the first that may take it. So the ranking of two
workers never depends on a third: one that joins or leaves moves only what it gets or had. A worker over its
fair share by more than ``LOAD_FACTOR`` is passed over, so that no chance of the hash fills one early
(Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads, 2016).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

LOAD_FACTOR = 1.1


class Candidate(NamedTuple):
    """A worker that could take a session: ``load`` of its ``capacity`` places are taken."""

    worker_id: str
    load: int
    capacity: int


def choose(key: str, candidates: Sequence[Candidate]) -> str | None:
    """The id of the worker that ``key`` goes to; None if none has room."""
    roomy = [one for one in candidates if one.load < one.capacity]
    if not roomy:
        return None
    load = 1 + sum(one.load for one in candidates)
    share = LOAD_FACTOR * load / sum(one.capacity for one in candidates)
    fair = [one for one in roomy if one.load < math.ceil(share * one.capacity)]
    return max(fair or roomy, key=lambda one: rank(key, one.worker_id)).worker_id


def rank(key: str, worker_id: str) -> bytes:
    """How much a key likes a worker: the same for ever and everywhere, and without any pattern."""
    return hashlib.blake2b(key.encode(), digest_size=8, key=worker_id.encode()[:64]).digest()
