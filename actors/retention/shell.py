"""The Ray actor that erases and sweeps: one for the cluster, found by name."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Final, cast

from ray.actor import ActorHandle

from actors.retention.client import RETENTION_NAME
from actors.retention.contract import ErasureOrder, ErasureView
from actors.retention.settings import RetentionSettings
from actors.shells import end_process_if_it_fails, start_named
from actors.storage import open_journal

log = logging.getLogger("lumilink.retention")

STOP_DEADLINE_S: Final = 5.0
NICE: Final = 10
"""What the process gives way by (nice(2))."""


class RetentionShell:
    """Reached by the reporting replicas."""

    def __init__(self, settings: RetentionSettings) -> None:
        os.nice(NICE)
        # Whoever calls this actor loads its module, for Ray's handle names the class: not all this, though.
        from actors.retention.keeper import RetentionKeeper  # noqa: PLC0415
        from actors.retention.live import SessionsOfWorkers  # noqa: PLC0415

        storage = settings.storage
        self._keeper = RetentionKeeper(
            settings, lambda: open_journal(storage.journal, storage.durability), SessionsOfWorkers()
        )
        self._running = asyncio.get_running_loop().create_task(self._keeper.run(), name="erase and sweep")
        end_process_if_it_fails(self._running, log)

    async def order(self, installation: str, asked: ErasureOrder) -> ErasureView:
        """See ``RetentionKeeper.order``."""
        return await self._keeper.order(installation, asked)

    async def find(self, installation: str, erasure_id: str) -> ErasureView:
        """See ``RetentionKeeper.find``."""
        return await self._keeper.find(installation, erasure_id)

    async def stop(self) -> None:
        """Let go of the stores; Ray may end the process afterwards. What was under way is taken up again."""
        self._running.cancel()
        await asyncio.wait((self._running,), timeout=STOP_DEADLINE_S)


def start_retention(
    settings: RetentionSettings, on: dict[str, float] | None = None
) -> ActorHandle[RetentionShell]:
    """Make the cluster's retention actor; Ray restarts it, and all that it has to do is in the journal.

    ``on`` is what its node must have.
    """
    return cast("ActorHandle[RetentionShell]", start_named(RetentionShell, RETENTION_NAME, settings, on=on))
