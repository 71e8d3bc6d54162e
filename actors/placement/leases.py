"""The leases of one worker: taken before a workspace's first write, prolonged while it is held.

A lease that is lost is never lost in silence: whoever holds it is told, at the latest when the journal
refuses a write under its fence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from actors import errors
from actors.journal.contract import Placement, Placements

log = logging.getLogger("lumilink.placement")

LEASE_S: Final = 15.0
RENEW_EVERY_S: Final = 5.0


@dataclass(slots=True, eq=False)
class Lease:
    """A workspace that is ours, as far as we know.

    ``on_lost`` is called once, if it turns out not to be. ``refused`` is to be called by whoever finds that
    the journal takes no writes under the lease any more. ``is_lost`` and ``is_handed_over`` say that another
    worker has the workspace, or soon will.
    """

    placement: Placement
    on_lost: Callable[[], None]
    refused: Callable[[], None] = lambda: None
    is_lost: bool = False
    is_handed_over: bool = False

    @property
    def workspace(self) -> str:
        """The workspace's key."""
        return self.placement.workspace

    @property
    def fence(self) -> int:
        """What every write has to carry."""
        return self.placement.fence


class HeldElsewhereError(Exception):
    """Another live worker has the workspace; ``life`` is its name."""

    def __init__(self, life: str) -> None:
        super().__init__(life)
        self.life = life


class Leases:
    """Takes, keeps and gives back the placements of one life of a worker.

    ``is_dead`` tells of the name of another worker's life that it is over for sure.
    """

    def __init__(self, placements: Placements, life: str, is_dead: Callable[[str], bool]) -> None:
        self.life = life
        self._placements = placements
        self._is_dead = is_dead
        self._held: dict[str, Lease] = {}

    async def acquire(self, workspace: str, on_lost: Callable[[], None], dead: str = "") -> Lease:
        """Take a workspace. ``dead`` is a life that the caller knows to be over.

        Raises HeldElsewhereError, and JournalUnavailableError.
        """
        # At the first try, as a worker that died leaves hundreds of workspaces to be taken at once.
        gone = frozenset((dead,)) if dead not in ("", self.life) else frozenset()
        placement = await self._placements.acquire(workspace, self.life, LEASE_S, gone)
        if placement.worker != self.life and self._is_dead(placement.worker):
            gone = frozenset((placement.worker,))
            placement = await self._placements.acquire(workspace, self.life, LEASE_S, gone)
        if placement.worker != self.life:
            raise HeldElsewhereError(placement.worker)
        lease = Lease(placement, on_lost)
        lease.refused = lambda: self._lost(lease)
        self._held[workspace] = lease
        return lease

    def workspaces(self) -> list[str]:
        """The keys of all workspaces that are held."""
        return list(self._held)

    async def release(self, lease: Lease) -> None:
        """Give a workspace back, so that another worker need not wait for the lease to run out."""
        if self._held.get(lease.workspace) is lease:
            del self._held[lease.workspace]
            try:
                await self._placements.release(lease.placement)
            except errors.JournalUnavailableError as error:
                log.warning("workspace %s is given back when its lease runs out: %s", lease.workspace, error)

    def _lost(self, lease: Lease) -> None:
        if self._held.get(lease.workspace) is lease:
            del self._held[lease.workspace]
            lease.is_lost = True
            log.warning("workspace %s was taken over by another worker", lease.workspace)
            lease.on_lost()

    async def keep(self) -> None:
        """Prolong what is held, for as long as the worker lives."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            held = list(self._held.values())
            if not held:
                continue
            try:
                renewed = await self._placements.renew([lease.placement for lease in held], LEASE_S)
            except errors.JournalUnavailableError as error:
                # Nobody else can take a workspace either as long as the store is away.
                log.warning("leases could not be prolonged: %s", error)
                continue
            standing = {placement.workspace for placement in renewed}
            for lease in held:
                if lease.workspace not in standing:
                    self._lost(lease)
