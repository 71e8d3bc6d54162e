"""The Ray actor around the policies: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, cast

from ray.actor import ActorHandle

from actors import errors
from actors.capacity.client import CapacityClient
from actors.metrics.client import start_telling
from actors.metrics.metric import Role
from actors.migration.policy import Policy
from actors.rollout.client import ROLLOUT_NAME
from actors.rollout.contract import PolicyChange, PolicyView
from actors.rollout.keeper import PolicyKeeper, RolloutSettings
from actors.shells import end_process_if_it_fails, start_named
from actors.storage import open_journal
from actors.worker import WorkerClient

log = logging.getLogger("lumilink.rollout")

STOP_DEADLINE_S: Final = 5.0


class RolloutShell:
    """Reached by the reporting replicas."""

    def __init__(self, settings: RolloutSettings) -> None:
        storage = settings.storage
        self._keeper = PolicyKeeper(
            settings, lambda: open_journal(storage.journal, storage.durability), _tell_workers
        )
        self._running = asyncio.get_running_loop().create_task(self._keeper.run(), name="keep policies")
        end_process_if_it_fails(self._running, log)
        self._measuring = start_telling(Role.PROTOCOL, Role.PROTOCOL.value)

    async def read(self, installation: str) -> PolicyView:
        """See ``PolicyBook.read``."""
        return await self._keeper.read(installation)

    async def change(self, installation: str, change: PolicyChange) -> PolicyView:
        """See ``PolicyKeeper.change``."""
        return await self._keeper.change(installation, change)

    async def stop(self) -> None:
        """Let go of the journal; Ray may end the process afterwards."""
        self._running.cancel()
        self._measuring.cancel()
        await asyncio.wait((self._running,), timeout=STOP_DEADLINE_S)


async def _tell_workers(installation: str, policy: Policy) -> None:
    try:
        places = await CapacityClient().places()
    except errors.LumiLinkError as error:
        log.warning("the workers read the policy of %s by themselves: %s", installation, error)
        return
    await asyncio.gather(*(_tell(place.worker_id, installation, policy) for place in places))


async def _tell(worker_id: str, installation: str, policy: Policy) -> None:
    try:
        await WorkerClient(worker_id).take_policy(installation, policy)
    except errors.LumiLinkError as error:
        log.warning("%s reads the policy of %s by itself: %s", worker_id, installation, error)


def start_rollout(settings: RolloutSettings, on: dict[str, float] | None = None) -> ActorHandle[RolloutShell]:
    """Make the cluster's protocol actor; Ray restarts it, and all that it knows is in the journal.

    ``on`` is what its node must have.
    """
    return cast("ActorHandle[RolloutShell]", start_named(RolloutShell, ROLLOUT_NAME, settings, on=on))
