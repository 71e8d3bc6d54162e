"""Who opened a session, and the receipts of what was erased."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TENANT: Final = "installation_id"
_BY_USER: Final = "ix_container_sessions_user_id_created_at_session_id"


def upgrade() -> None:
    """Sessions of before have no user: nothing tells who had opened them."""
    op.add_column("container_sessions", sa.Column("user_id", sa.String(200), nullable=True))
    op.create_index(_BY_USER, "container_sessions", [_TENANT, "user_id", "created_at", "session_id"])
    op.create_table(
        "erasures",
        sa.Column(_TENANT, sa.String(200), nullable=False),
        sa.Column("erasure_id", sa.String(36), nullable=False),
        sa.Column("scope", sa.String(100), nullable=False),
        sa.Column("ordered_by", sa.String(200), nullable=True),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sessions", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(_TENANT, "erasure_id", name="pk_erasures"),
    )
    for columns in (["ordered_at", "erasure_id"], ["scope", "ordered_at", "erasure_id"]):
        op.create_index(f"ix_erasures_{'_'.join(columns)}", "erasures", [_TENANT, *columns])


def downgrade() -> None:
    """The receipts are in the journal still."""
    op.drop_table("erasures")
    op.drop_index(_BY_USER, "container_sessions")
    op.drop_column("container_sessions", "user_id")
