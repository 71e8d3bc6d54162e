"""The life of a job, as a table. What is not in the table does not happen.

``docs/jobs.md`` is drawn from the table. The names are those of the contract that runners are written to.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from actors.errors import ConflictError


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class JobChange(StrEnum):
    """What brings a job from one status to another."""

    CLAIMED = "claimed"
    """Its runner has taken it."""
    COMPLETED = "completed"
    """Its runner is done with it."""
    FAILED = "failed"
    """Its runner could not do it."""
    LOST = "lost"
    """Its lease has ended, and it may be tried again."""
    GIVEN_UP = "given-up"
    """Its lease has ended, for the last time that was allowed."""
    CANCELLED = "cancelled"
    """Somebody does not want it any more, or its runner was stopped."""
    RETRIED = "retried"
    """Somebody wants it done after all."""


_S = JobStatus
_C = JobChange

TRANSITIONS: Final[Mapping[JobStatus, Mapping[JobChange, JobStatus]]] = MappingProxyType(
    {
        _S.QUEUED: {_C.CLAIMED: _S.RUNNING, _C.CANCELLED: _S.CANCELLED},
        _S.RUNNING: {
            _C.COMPLETED: _S.COMPLETED,
            _C.FAILED: _S.FAILED,
            _C.LOST: _S.QUEUED,
            _C.GIVEN_UP: _S.FAILED,
            _C.CANCELLED: _S.CANCELLED,
        },
        _S.COMPLETED: {},
        _S.FAILED: {_C.RETRIED: _S.QUEUED},
        _S.CANCELLED: {_C.RETRIED: _S.QUEUED},
    }
)

ENDED: Final = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})


def after(status: JobStatus, change: JobChange) -> JobStatus:
    """The status that follows. Raises ConflictError where the change does not go with the status."""
    found = TRANSITIONS[status].get(change)
    if found is None:
        raise ConflictError(f"the job is {status}, and so cannot be {change}")
    return found
