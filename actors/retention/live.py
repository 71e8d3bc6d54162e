"""The sessions that workers hold, as whoever erases has to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from actors import errors
from actors.capacity.client import CapacityClient
from actors.worker import WorkerClient


class LiveSessions(Protocol):
    """Each method raises WorkerUnavailableError, and may be repeated then."""

    async def is_held(self, session_id: str) -> bool:
        """Whether a worker holds a session."""

    async def dismiss(self, installation: str, session_ids: Sequence[str] | None) -> int:
        """End these sessions of an installation, agents included; None: all, and its workspaces.

        Returns how many are not ended yet: then it is to be asked again.
        """


class SessionsOfWorkers:
    """Those of the cluster's workers. One that is gone holds nothing: its writes are refused by now."""

    def __init__(self) -> None:
        self._capacity = CapacityClient()
        self._workers: dict[str, WorkerClient] = {}

    async def is_held(self, session_id: str) -> bool:
        """See ``LiveSessions``."""
        return await self._capacity.find(session_id) is not None

    async def dismiss(self, installation: str, session_ids: Sequence[str] | None) -> int:
        """See ``LiveSessions``."""
        places = await self._capacity.places()
        if not places:
            raise errors.WorkerUnavailableError("no worker has reported yet", 2.0)
        self._workers = {
            one.worker_id: self._workers.get(one.worker_id) or WorkerClient(one.worker_id) for one in places
        }
        wanted = None if session_ids is None else list(session_ids)
        return sum([await one.dismiss(installation, wanted) for one in self._workers.values()])
