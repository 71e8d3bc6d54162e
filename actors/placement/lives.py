"""Whose life is over for sure, judged by its name alone: ``gateway:worker id:random``."""

from __future__ import annotations

import secrets


def new_life(gateway: str, worker_id: str) -> str:
    """The name of one life of a process that holds leases."""
    return f"{gateway}:{worker_id}:{secrets.token_hex(6)}"


class DeadLives:
    """Tells of the names of other lives whether they are over; ``life`` is one's own.

    ``exclusive``: no other gateway can use the store at the same time.
    """

    def __init__(self, life: str, *, exclusive: bool) -> None:
        self._gateway, self._worker_id, self._random = life.split(":")
        self._exclusive = exclusive

    def __call__(self, life: str) -> bool:
        """Whether a life is over for sure."""
        gateway, _, rest = life.partition(":")
        worker_id, _, own = rest.partition(":")
        if gateway != self._gateway:
            # The gateway of before; two at once are kept apart by the lock on their data directory.
            return self._exclusive
        # Ray starts a worker anew only when its process has ended.
        return worker_id == self._worker_id and own != self._random
