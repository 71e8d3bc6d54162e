"""What Alembic runs to migrate: on the connection, and within the transaction, that it was given."""

from __future__ import annotations

from alembic import context

from actors.records.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
