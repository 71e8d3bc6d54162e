"""What is still to be told to the message broker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the outbox. It is filled only where a broker is configured."""
    op.create_table(
        "analytics_outbox",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("session_id", sa.String(200), nullable=True),
        sa.Column("topic", sa.String(100), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("key", sa.String(500), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(100), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_analytics_outbox"),
    )
    for column in ("stream", "session_id"):
        op.create_index(f"ix_analytics_outbox_{column}", "analytics_outbox", ["installation_id", column])


def downgrade() -> None:
    """What was not sent is lost."""
    op.drop_table("analytics_outbox")
