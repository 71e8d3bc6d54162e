"""The Ray actor around the pool: found by name, restarted by Ray.

The workers are detached actors, so they do not end with the pool that started them, and Ray restarts each of
them that dies. What the pool must not forget is in Ray's own key-value store; all else it finds by looking.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import msgspec
import ray
from ray.actor import ActorHandle
from ray.exceptions import RayError, RayTaskError
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put

from actors import errors
from actors.capacity.client import CapacityClient
from actors.host import WorkerSettings
from actors.metrics.catalogue import POOL_WORKERS
from actors.metrics.client import start_telling
from actors.metrics.meters import Values, meters
from actors.metrics.metric import Role
from actors.named_actor import NAMESPACE
from actors.worker import WorkerClient, WorkerNeeds, actor_name, start_worker
from serve.reporting.pool import POOL_NAME, PoolView
from topology.membership import PREFIX, Member, MemberState, plan
from topology.pool import Pool, PoolState, Surroundings

log = logging.getLogger("lumilink.pool")

ROUND_S: Final = 1.0
STOP_WORKERS_S: Final = 15.0
_KV_NAMESPACE: Final = b"lumilink"


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What the pool is told when it is made. ``worker`` is the pattern of all workers, but for their ids."""

    worker: WorkerSettings
    needs: WorkerNeeds
    workers: int
    max_workers: int
    calm_s: float

    @property
    def key(self) -> bytes:
        """What its state is kept under; the gateway that comes after on the same cluster has its own."""
        return f"pool:{self.worker.storage.gateway}".encode()


class RayCrew:
    """The workers as Ray actors."""

    def __init__(self, settings: PoolSettings) -> None:
        self._settings = settings
        self._capacity = CapacityClient()

    def start_first(self, state: PoolState) -> list[str]:
        """Start at once what is missing, and return all that are there then."""
        names = _names()
        missing = plan([Member(name, MemberState.STARTING, 0) for name in names], state.workers, 1).start
        for worker_id in missing:
            self._make(worker_id)
        return [*names, *missing]

    async def look(self) -> Surroundings:
        """See ``Crew.look``."""
        # Ray bounds its own calls; one that is given up here would go on in its thread.
        names = await asyncio.to_thread(_names)
        views, _ = await self._capacity.topology()
        waiting = (await self._capacity.admission()).waiting
        return Surroundings(names, {view.worker_id: view for view in views}, waiting)

    async def start(self, worker_id: str) -> None:
        """See ``Crew.start``."""
        self._make(worker_id)

    async def retire(self, worker_id: str, deadline_s: float) -> bool:
        """See ``Crew.retire``."""
        return await WorkerClient(worker_id).retire(deadline_s)

    async def end(self, worker_id: str) -> None:
        """See ``Crew.end``."""
        try:
            ray.kill(await asyncio.to_thread(_actor, worker_id), no_restart=True)
        except ValueError:
            log.debug("%s has ended already", worker_id)
        await self._capacity.dismiss(worker_id)

    async def save(self, state: PoolState) -> None:
        """See ``Crew.save``."""
        await asyncio.to_thread(_save, self._settings.key, state)

    def _make(self, worker_id: str) -> None:
        start_worker(replace(self._settings.worker, worker_id=worker_id), self._settings.needs)


def _ended(keeping: asyncio.Task[None]) -> None:
    if not keeping.cancelled() and (error := keeping.exception()) is not None:
        # Without its rounds no worker is started any more. Ray starts another process, unnoticed by workers.
        log.critical("the pool gives up", exc_info=error)
        os._exit(1)


class PoolShell:
    """One for the gateway. Calls interleave, but only ``_keep`` starts and ends workers."""

    def __init__(self, settings: PoolSettings) -> None:
        state = _load(settings.key) or PoolState(settings.workers)
        crew = RayCrew(settings)
        self._key = settings.key
        self._first = crew.start_first(state)
        self._pool = Pool(
            crew,
            state,
            max_workers=settings.max_workers,
            per_worker=settings.worker.capacity,
            calm_s=settings.calm_s,
            present=len(self._first) - len(state.retiring),
        )
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name="keep")
        self._keeping.add_done_callback(_ended)
        meters().watch(POOL_WORKERS, lambda: _bounds(self._pool.view()))
        self._measuring = start_telling(Role.POOL, Role.POOL.value)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self._pool.round()
            except (errors.LumiLinkError, RayError) as error:
                log.warning("the pool goes on in %g s: %s", ROUND_S, error)

    async def view(self) -> PoolView:
        """See ``Pool.view``."""
        return self._pool.view()

    async def scale(self, workers: int) -> PoolView:
        """See ``Pool.scale``."""
        await self._pool.scale(workers)
        return self._pool.view()

    async def ready(self) -> None:
        """Wait until the first workers serve; raises what keeps one of them from it."""
        try:
            await asyncio.gather(*(_actor(worker_id).ready.remote() for worker_id in self._first))
        except RayTaskError as error:
            if isinstance(error.cause, errors.LumiLinkError):
                raise error.cause from None
            raise

    async def stop(self) -> None:
        """End all workers for good, telling their clients."""
        self._measuring.cancel()
        self._keeping.cancel()
        await asyncio.wait((self._keeping,))
        actors = [_actor(worker_id) for worker_id in await asyncio.to_thread(_names)]
        if actors:
            stopping = [asyncio.ensure_future(_stopped(actor)) for actor in actors]
            await asyncio.wait(stopping, timeout=STOP_WORKERS_S)
        for actor in actors:
            ray.kill(actor, no_restart=True)
        await asyncio.to_thread(_internal_kv_del, self._key, namespace=_KV_NAMESPACE)


def _bounds(view: PoolView) -> Values:
    return {("least",): view.workers, ("desired",): view.desired, ("most",): view.max_workers}


def start_pool(settings: PoolSettings, on: dict[str, float]) -> ActorHandle[PoolShell]:
    """Make the gateway's pool; ``on`` is what its node must have."""
    actor_class = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=3)(PoolShell)
    named = actor_class.options(name=POOL_NAME, namespace=NAMESPACE, resources=on)
    return cast("ActorHandle[PoolShell]", named.remote(settings))


async def _stopped(actor: Any) -> None:
    try:
        await actor.stop.remote()
    except RayError as error:
        log.warning("a worker had ended already: %s", type(error).__name__)


def _names() -> list[str]:
    """The ids of all workers that Ray knows, dead ones not, those that wait for a node included."""
    prefix = actor_name(PREFIX)
    found = [name for name in ray.util.list_named_actors() if name.startswith(prefix)]
    return sorted(name.removeprefix(actor_name("")) for name in found)


def _actor(worker_id: str) -> Any:
    """The handle of a worker; ValueError if there is none."""
    return ray.get_actor(actor_name(worker_id), namespace=NAMESPACE)


def _save(key: bytes, state: PoolState) -> None:
    _internal_kv_put(key, msgspec.json.encode(state), namespace=_KV_NAMESPACE)


def _load(key: bytes) -> PoolState | None:
    kept = _internal_kv_get(key, namespace=_KV_NAMESPACE)
    return msgspec.json.decode(kept, type=PoolState) if kept else None
