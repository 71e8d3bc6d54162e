"""The retention actor for other processes."""

from __future__ import annotations

from typing import Final

from actors.named_actor import NamedActor
from actors.retention.contract import ErasureOrder, ErasureView

RETENTION_NAME: Final = "lumilink-retention"
CALL_DEADLINE_S: Final = 20.0


class RetentionClient:
    """The retention actor's methods for other processes.

    Each raises what the actor raised, or WorkerUnavailableError if it does not answer within 20 s.
    """

    def __init__(self) -> None:
        self._actor = NamedActor(RETENTION_NAME, "the retention actor", CALL_DEADLINE_S)

    async def order(self, installation: str, asked: ErasureOrder) -> ErasureView:
        """See ``RetentionKeeper.order``."""
        view: ErasureView = await self._actor.call("order", installation, asked)
        return view

    async def find(self, installation: str, erasure_id: str) -> ErasureView:
        """See ``RetentionKeeper.find``."""
        view: ErasureView = await self._actor.call("find", installation, erasure_id)
        return view
