"""Runners and their jobs, the newest log lines of instances, and the settings registry."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TENANT: Final = "installation_id"


def upgrade() -> None:
    """Make the tables."""
    _runners()
    _jobs()
    _job_runs()
    _instance_logs()
    _setting_registry()
    _setting_changes()


def downgrade() -> None:
    """Drop them, and with them all jobs and settings."""
    for table in ("setting_changes", "setting_registry", "instance_logs", "job_runs", "jobs", "runners"):
        op.drop_table(table)


def _runners() -> None:
    op.create_table(
        "runners",
        _id(_TENANT),
        _uuid("agent_id"),
        _id("name"),
        _id("user_id"),
        _moment("created_at"),
        _moment("last_seen_at", optional=True),
        _moment("deactivated_at", optional=True),
        sa.PrimaryKeyConstraint(_TENANT, "agent_id", name="pk_runners"),
        sa.UniqueConstraint(_TENANT, "name", name="uq_runners_name"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        _id(_TENANT),
        _uuid("job_id"),
        _uuid("agent_id"),
        _code("job_type"),
        _id("instance_id", optional=True),
        _json("parameters"),
        _count("priority"),
        _code("status"),
        _count("attempts"),
        _count("attempts_left"),
        _count("max_attempts"),
        _count("lease_s"),
        _uuid("run_id", optional=True),
        _moment("lease_until", optional=True),
        _id("created_by"),
        _moment("created_at"),
        _moment("started_at", optional=True),
        _moment("completed_at", optional=True),
        sa.PrimaryKeyConstraint(_TENANT, "job_id", name="pk_jobs"),
        _belongs_to("jobs", "agent_id", "runners"),
    )
    for columns in (
        ["created_at", "job_id"],
        ["status", "created_at", "job_id"],
        ["agent_id", "created_at", "job_id"],
        ["status", "lease_until"],
    ):
        op.create_index(f"ix_jobs_{'_'.join(columns)}", "jobs", [_TENANT, *columns])
    op.create_index(
        "ix_jobs_agent_id_status", "jobs", [_TENANT, "agent_id", "status", "priority", "created_at"]
    )


def _job_runs() -> None:
    op.create_table(
        "job_runs",
        _id(_TENANT),
        _uuid("run_id"),
        _uuid("job_id"),
        _count("attempt"),
        _code("status"),
        sa.Column("percent", sa.Double(), nullable=True),
        _text("message"),
        _json("result"),
        _text("error"),
        _text("error_details"),
        _moment("started_at"),
        _moment("updated_at"),
        _moment("ended_at", optional=True),
        sa.PrimaryKeyConstraint(_TENANT, "run_id", name="pk_job_runs"),
        _belongs_to("job_runs", "job_id", "jobs"),
    )
    op.create_index("ix_job_runs_job_id_attempt", "job_runs", [_TENANT, "job_id", "attempt"])


def _instance_logs() -> None:
    op.create_table(
        "instance_logs",
        _id(_TENANT),
        _id("instance_id"),
        _count("seq"),
        _moment("timestamp"),
        _code("level"),
        _text("message"),
        _code("source", optional=True),
        sa.PrimaryKeyConstraint(_TENANT, "instance_id", "seq", name="pk_instance_logs"),
    )
    op.create_index(
        "ix_instance_logs_timestamp", "instance_logs", [_TENANT, "instance_id", "timestamp", "seq"]
    )
    op.create_index("ix_instance_logs_level", "instance_logs", [_TENANT, "instance_id", "level", "seq"])


def _setting_registry() -> None:
    op.create_table(
        "setting_registry",
        _id(_TENANT),
        _uuid("setting_id"),
        _code("game_type"),
        _code("file_type"),
        _id("section"),
        _id("key"),
        _code("value_type"),
        _json("default_value"),
        _json("value"),
        _json("constraints"),
        _code("category", optional=True),
        sa.Column("advanced", sa.Boolean(), nullable=False),
        _code("control_type", optional=True),
        _code("introduced_version", optional=True),
        _code("deprecated_version", optional=True),
        _text("description"),
        _count("version"),
        _moment("created_at"),
        _moment("updated_at"),
        sa.PrimaryKeyConstraint(_TENANT, "setting_id", name="pk_setting_registry"),
        sa.UniqueConstraint(
            _TENANT, "game_type", "file_type", "section", "key", name="uq_setting_registry_game_type"
        ),
    )
    op.create_index(
        "ix_setting_registry_game_type_file_type", "setting_registry", [_TENANT, "game_type", "file_type"]
    )
    op.create_index("ix_setting_registry_section_key", "setting_registry", [_TENANT, "section", "key"])


def _setting_changes() -> None:
    op.create_table(
        "setting_changes",
        _id(_TENANT),
        _uuid("setting_id"),
        _count("version"),
        _code("what"),
        _json("before"),
        _json("after"),
        _id("changed_by"),
        _moment("at"),
        sa.PrimaryKeyConstraint(_TENANT, "setting_id", "version", name="pk_setting_changes"),
    )


def _id(name: str, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(200), nullable=optional)


def _uuid(name: str, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), nullable=optional)


def _code(name: str, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(100), nullable=optional)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=True)


def _json(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=True)


def _moment(name: str, optional: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=optional)


def _belongs_to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [_TENANT, column],
        [f"{other}.{_TENANT}", f"{other}.{column}"],
        name=f"fk_{table}_{column}",
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    )
