"""The protocol actor for other processes."""

from __future__ import annotations

from typing import Final

from actors.named_actor import NamedActor
from actors.rollout.contract import PolicyChange, PolicyView

ROLLOUT_NAME: Final = "lumilink-protocol"
CALL_DEADLINE_S: Final = 15.0


class RolloutClient:
    """The protocol actor's methods for other processes.

    Each raises what the actor raised, or WorkerUnavailableError if it does not answer within 15 s.
    """

    def __init__(self) -> None:
        self._actor = NamedActor(ROLLOUT_NAME, "the protocol actor", CALL_DEADLINE_S)

    async def read(self, installation: str) -> PolicyView:
        """See ``PolicyBook.read``."""
        view: PolicyView = await self._actor.call("read", installation)
        return view

    async def change(self, installation: str, change: PolicyChange) -> PolicyView:
        """See ``PolicyKeeper.change``."""
        view: PolicyView = await self._actor.call("change", installation, change)
        return view
