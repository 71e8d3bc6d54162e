"""Runners and jobs, as they are kept and as they are told. What is not known yet is left out of the JSON."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, Struct, UnsetType

from actors.jobs.states import JobStatus

MAX_LEASE_S: Final = 3600
MIN_LEASE_S: Final = 5
MAX_ATTEMPTS: Final = 20

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
JobType = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
Percent = Annotated[float, Meta(ge=0, le=100)]
Lease = Annotated[int, Meta(ge=MIN_LEASE_S, le=MAX_LEASE_S)]
Attempts = Annotated[int, Meta(ge=1, le=MAX_ATTEMPTS)]
Priority = Annotated[int, Meta(ge=-100, le=100)]


class RunStatus(StrEnum):
    """Where one attempt at a job stands."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    LOST = "LOST"
    """Its lease ended before its runner was done."""


class Runner(Struct, frozen=True, rename="camel"):
    """A host that asks for jobs. ``user`` registered it, and nobody else may speak for it."""

    agent_id: str
    name: str
    user: str
    active: bool
    created_at: datetime
    last_seen_at: datetime | UnsetType = UNSET


class NewJob(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A job that is asked for.

    ``agent_id`` is the runner that is to do it. The higher its ``priority``, the sooner. A runner that does
    not report for ``lease_s`` seconds has lost it; it is begun at most ``max_attempts`` times by itself. Both
    are the installation's settings unless given.
    """

    job_type: JobType
    agent_id: Name
    parameters: dict[str, Any] = {}
    instance_id: Name | None = None
    priority: Priority = 0
    lease_s: Lease | None = None
    max_attempts: Attempts | None = None


class Job(Struct, frozen=True, rename="camel"):
    """A job, and how its latest run does. ``retry_count`` is how often it was begun again."""

    job_id: str
    job_type: str
    status: JobStatus
    agent_id: str
    parameters: dict[str, Any]
    priority: int
    retry_count: int
    attempts: int
    max_attempts: int
    lease_s: int
    created_at: datetime
    job_run_id: str | UnsetType = UNSET
    instance_id: str | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    completed_at: datetime | UnsetType = UNSET
    progress_percent: float | UnsetType = UNSET
    progress_message: str | UnsetType = UNSET
    result: Any | UnsetType = UNSET
    error: str | UnsetType = UNSET


class JobPage(Struct, frozen=True, rename="camel"):
    """A page of a list, the newest first. ``next_cursor`` is where the next one begins."""

    items: list[Job]
    next_cursor: str | None


class Assignment(Struct, frozen=True, rename="camel"):
    """A job that a runner has taken. ``job_run_id`` is its fence: whatever is said of the job carries it.

    It is lost at ``lease_ends_at`` unless the runner reports before, which gives it ``lease_s`` seconds more.
    """

    job_id: str
    job_run_id: str
    job_type: str
    parameters: dict[str, Any]
    attempt: int
    lease_s: int
    lease_ends_at: datetime
    instance_id: str | UnsetType = UNSET


class Progress(Struct, frozen=True):
    """How far a run has come: 0 to 100 percent, and a sentence. Without either it is only a sign of life."""

    percent: float | None = None
    message: str | None = None


class Outcome(Struct, frozen=True):
    """How a run ended. ``error`` is a sentence, ``details`` what is behind it."""

    status: JobStatus
    result: dict[str, Any] | None = None
    error: str | None = None
    details: str | None = None
