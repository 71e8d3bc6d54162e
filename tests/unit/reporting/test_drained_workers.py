"""Draining a worker that does not answer: one that is being restarted, and one that never was."""

from __future__ import annotations

import pytest

from actors import errors
from serve.reporting import workers
from serve.reporting.pool import MemberView, PoolView


class SilentWorker:
    def __init__(self, worker_id: str) -> None:
        self._worker_id = worker_id

    async def drain(self, deadline_s: float) -> None:
        raise errors.WorkerUnavailableError(f"{self._worker_id} does not answer", 2.0)


class Pool:
    async def view(self) -> PoolView:
        return PoolView(1, 1, 1, [MemberView("worker-0", "serving", 3)])


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "WorkerClient", SilentWorker)
    monkeypatch.setattr(workers, "PoolClient", Pool)


async def test_a_worker_that_is_being_restarted_is_to_be_tried_again() -> None:
    with pytest.raises(errors.WorkerUnavailableError):
        await workers._drain("worker-0", 10.0)


async def test_a_worker_that_never_was_is_said_not_to_be_there() -> None:
    with pytest.raises(errors.WorkerNotFoundError, match="worker-9"):
        await workers._drain("worker-9", 10.0)
