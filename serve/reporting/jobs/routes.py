"""The routes of jobs and runners. Those of jobs are served at the root, too, as their contract has it."""

from __future__ import annotations

from typing import Final

from starlette.routing import Route

from serve.reporting.at_root import with_root
from serve.reporting.jobs import queue, reports, runners
from serve.reporting.operation import Answering, Operation

_JOBS: Final[tuple[tuple[Operation, Answering], ...]] = (
    # Before the paths in which anything may stand.
    (reports.POLL, reports.polled),
    (reports.PROGRESS, reports.progressed),
    (reports.COMPLETE, reports.completed),
    (queue.CREATE, queue.created),
    (queue.LIST, queue.listed),
    (queue.SHOW, queue.shown),
    (queue.CANCEL, queue.cancelled),
    (queue.RETRY, queue.retried),
)
OPERATIONS: Final = (*(operation for operation, _ in _JOBS), *runners.OPERATIONS)
ROUTES: Final[list[Route]] = [
    *(one for operation, answering in _JOBS for one in with_root(operation, answering)),
    *runners.ROUTES,
]
