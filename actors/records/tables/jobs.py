"""Runners and their jobs. No records: they are made by requests, not by reading the journal."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table, UniqueConstraint

from actors.records.tables.columns import (
    METADATA,
    belongs_to,
    code,
    count,
    identifier,
    moment,
    number,
    structure,
    text,
    uuid_text,
)

RUNNERS: Final = Table(
    "runners",
    METADATA,
    identifier("installation_id"),
    uuid_text("agent_id"),
    identifier("name"),
    Column("user_id", String(200), nullable=False),
    moment("created_at"),
    moment("last_seen_at", optional=True),
    moment("deactivated_at", optional=True),
    PrimaryKeyConstraint("installation_id", "agent_id"),
    UniqueConstraint("installation_id", "name"),
)

JOBS: Final = Table(
    "jobs",
    METADATA,
    identifier("installation_id"),
    uuid_text("job_id"),
    uuid_text("agent_id"),
    code("job_type"),
    identifier("instance_id", optional=True),
    structure("parameters"),
    count("priority"),
    code("status"),
    count("attempts"),
    count("attempts_left"),
    count("max_attempts"),
    count("lease_s"),
    uuid_text("run_id", optional=True),
    moment("lease_until", optional=True),
    Column("created_by", String(200), nullable=False),
    moment("created_at"),
    moment("started_at", optional=True),
    moment("completed_at", optional=True),
    PrimaryKeyConstraint("installation_id", "job_id"),
    belongs_to("agent_id", "runners", "agent_id"),
    Index("ix_jobs_created_at_job_id", "installation_id", "created_at", "job_id"),
    Index("ix_jobs_status_created_at_job_id", "installation_id", "status", "created_at", "job_id"),
    Index("ix_jobs_agent_id_created_at_job_id", "installation_id", "agent_id", "created_at", "job_id"),
    Index("ix_jobs_agent_id_status", "installation_id", "agent_id", "status", "priority", "created_at"),
    Index("ix_jobs_status_lease_until", "installation_id", "status", "lease_until"),
)
"""``run_id`` is the latest run, and the fence of the job while it is RUNNING."""

JOB_RUNS: Final = Table(
    "job_runs",
    METADATA,
    identifier("installation_id"),
    uuid_text("run_id"),
    uuid_text("job_id"),
    count("attempt"),
    code("status"),
    number("percent"),
    text("message"),
    structure("result"),
    text("error"),
    text("error_details"),
    moment("started_at"),
    moment("updated_at"),
    moment("ended_at", optional=True),
    PrimaryKeyConstraint("installation_id", "run_id"),
    belongs_to("job_id", "jobs", "job_id"),
    Index("ix_job_runs_job_id_attempt", "installation_id", "job_id", "attempt"),
)
