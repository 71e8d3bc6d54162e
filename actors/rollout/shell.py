"""The Ray actor around the policies: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final, cast

import ray
from ray.actor import ActorHandle

from actors import errors
from actors.capacity.shell import CapacityClient
from actors.migration.policy import Policy
from actors.named_actor import NAMESPACE, NamedActor
from actors.rollout.contract import PolicyChange, PolicyView
from actors.rollout.keeper import PolicyKeeper, RolloutSettings
from actors.storage import open_journal
from actors.worker import WorkerClient

log = logging.getLogger("lumilink.rollout")

ROLLOUT_NAME: Final = "lumilink-protocol"
CALL_DEADLINE_S: Final = 15.0
STOP_DEADLINE_S: Final = 5.0


class RolloutShell:
    """Reached by the reporting replicas."""

    def __init__(self, settings: RolloutSettings) -> None:
        storage = settings.storage
        self._keeper = PolicyKeeper(
            settings, lambda: open_journal(storage.journal, storage.durability), _tell_workers
        )
        self._running = asyncio.get_running_loop().create_task(self._keeper.run(), name="policies")
        self._running.add_done_callback(_ended)

    async def read(self, installation: str) -> PolicyView:
        """See ``PolicyBook.read``."""
        return await self._keeper.read(installation)

    async def change(self, installation: str, change: PolicyChange) -> PolicyView:
        """See ``PolicyKeeper.change``."""
        return await self._keeper.change(installation, change)

    async def stop(self) -> None:
        """Let go of the journal; Ray may end the process afterwards."""
        self._running.cancel()
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


def _ended(running: asyncio.Task[None]) -> None:
    if not running.cancelled() and (error := running.exception()) is not None:
        # Its text may hold what was handled, so only its type is logged. Ray starts another process.
        log.critical("the protocol actor gives up on %s", type(error).__name__)
        os._exit(1)


def start_rollout(settings: RolloutSettings, on: dict[str, float] | None = None) -> ActorHandle[RolloutShell]:
    """Make the cluster's protocol actor; Ray restarts it, and all that it knows is in the journal.

    ``on`` is what its node must have.
    """
    actor_class = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)(RolloutShell)
    named = actor_class.options(name=ROLLOUT_NAME, namespace=NAMESPACE, resources=on or {})
    return cast("ActorHandle[RolloutShell]", named.remote(settings))


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
