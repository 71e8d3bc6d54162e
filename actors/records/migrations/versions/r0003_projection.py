"""What the projector needs: its state by stream, entries set aside, containers that sessions share."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ACTIVE: Final = sa.text("status IN ('connected', 'degraded')")
_OF_CONTAINER: Final = ["installation_id", "container_id", "created_at", "session_id"]


def upgrade() -> None:
    """Streams are projected one by one, so no rule can hold between the records of two of them."""
    op.drop_index("uq_acp_connections_active", "acp_connections")
    with op.batch_alter_table("container_sessions") as sessions:
        sessions.drop_constraint("uq_container_sessions_container_id", type_="unique")
    op.create_index(
        "ix_container_sessions_container_id_created_at_session_id", "container_sessions", _OF_CONTAINER
    )
    op.add_column("stream_positions", sa.Column("state", sa.LargeBinary(), nullable=True))
    _set_aside()


def downgrade() -> None:
    """As it was before; it fails where a container has several sessions or active connections by now."""
    op.drop_table("set_aside")
    op.drop_column("stream_positions", "state")
    op.drop_index("ix_container_sessions_container_id_created_at_session_id", "container_sessions")
    with op.batch_alter_table("container_sessions") as sessions:
        sessions.create_unique_constraint(
            "uq_container_sessions_container_id", ["installation_id", "container_id"]
        )
    op.create_index(
        "uq_acp_connections_active",
        "acp_connections",
        ["installation_id", "container_id"],
        unique=True,
        sqlite_where=_ACTIVE,
        postgresql_where=_ACTIVE,
    )


def _set_aside() -> None:
    op.create_table(
        "set_aside",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("epoch", sa.String(200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "stream", "epoch", "seq", name="pk_set_aside"),
    )
