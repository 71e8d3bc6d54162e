"""What reports count: totals of the metrics of all workspaces, kept by triggers, and indexes to count by."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_INDEXES: Final[dict[str, list[tuple[str, ...]]]] = {
    "container_sessions": [
        ("closed_at", "created_at", "session_id"),
        ("protocol_type", "closed_at"),
        ("protocol_type", "created_at", "workspace_id"),
    ],
    "connection_transitions": [("to_status", "at")],
}
_EVENTS: Final = ("insert", "delete", "update")


def upgrade() -> None:
    """What is there already is added up once."""
    for table, every in _INDEXES.items():
        for columns in every:
            op.create_index(_name(table, columns), table, ["installation_id", *columns])
    op.create_table(
        "metric_totals",
        sa.Column("installation_id", sa.String(200), nullable=False),
        sa.Column("metric_type", sa.String(100), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("installation_id", "metric_type", "timestamp", name="pk_metric_totals"),
    )
    op.execute(
        "INSERT INTO metric_totals (installation_id, metric_type, timestamp, value) "
        "SELECT installation_id, metric_type, timestamp, sum(value) FROM metrics_envelopes "
        "GROUP BY installation_id, metric_type, timestamp"
    )
    if op.get_bind().dialect.name == "sqlite":
        _triggers_of_sqlite()
    else:
        _triggers_of_postgresql()


def downgrade() -> None:
    """Nothing is lost: all of it is derived."""
    if op.get_bind().dialect.name == "sqlite":
        for event in _EVENTS:
            op.execute(f"DROP TRIGGER metric_totals_{event}")
    else:
        op.execute("DROP TRIGGER metric_totals ON metrics_envelopes")
        op.execute("DROP FUNCTION add_to_metric_totals")
    op.drop_table("metric_totals")
    for table, every in _INDEXES.items():
        for columns in every:
            op.drop_index(_name(table, columns), table)


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"


def _add(row: str) -> str:
    return (
        "INSERT INTO metric_totals (installation_id, metric_type, timestamp, value) "  # noqa: S608 - of constants
        f"VALUES ({row}.installation_id, {row}.metric_type, {row}.timestamp, {row}.value) "
        "ON CONFLICT (installation_id, metric_type, timestamp) "
        "DO UPDATE SET value = metric_totals.value + excluded.value; "
    )


def _subtract(row: str) -> str:
    return (
        f"UPDATE metric_totals SET value = value - {row}.value "  # noqa: S608 - of constants
        f"WHERE installation_id = {row}.installation_id AND metric_type = {row}.metric_type "
        f"AND timestamp = {row}.timestamp; "
    )


def _triggers_of_sqlite() -> None:
    """What rebuilds ``metrics_envelopes`` has to make them again."""
    bodies = {"insert": _add("new"), "delete": _subtract("old"), "update": _subtract("old") + _add("new")}
    for event, body in bodies.items():
        when = f"AFTER {event.upper()} ON metrics_envelopes"
        op.execute(f"CREATE TRIGGER metric_totals_{event} {when} BEGIN {body} END")


def _triggers_of_postgresql() -> None:
    op.get_bind().exec_driver_sql(
        "CREATE FUNCTION add_to_metric_totals() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP <> 'INSERT' THEN {_subtract('old')} END IF; "
        f"IF TG_OP <> 'DELETE' THEN {_add('new')} END IF; "
        "RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER metric_totals AFTER INSERT OR UPDATE OR DELETE ON metrics_envelopes "
        "FOR EACH ROW EXECUTE FUNCTION add_to_metric_totals()"
    )
