"""The kinds of records there are: model, table, key, and by what each can be listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sqlalchemy import Table

from actors.errors import InternalError
from actors.records import tables
from actors.records.models import (
    AcpConnectionConfiguration,
    ACPConnectionRecord,
    AcpMessage,
    CapacityAlert,
    ConnectionTransition,
    Container,
    ContainerSession,
    Erasure,
    GitHubAutomationSummary,
    MetricsEnvelope,
    ProtocolMigrationLog,
    Record,
    RollbackEvent,
    SessionTranscriptEntry,
)

R = TypeVar("R", bound=Record)
R_co = TypeVar("R_co", bound=Record, covariant=True)


@dataclass(frozen=True, slots=True)
class Kind(Generic[R_co]):
    """``key`` identifies a record within its installation and ``moment`` is when it began.

    ``filters`` and ``sorts`` are columns with an index; ``moment`` is always among the sorts.
    """

    model: type[R_co]
    table: Table
    key: str
    moment: str
    filters: tuple[str, ...]
    sorts: tuple[str, ...]


def _kind(
    model: type[R], table: Table, key: str, moment: str, *filters: str, sorts: tuple[str, ...] = ()
) -> Kind[R]:
    return Kind(model, table, key, moment, filters, (moment, *sorts))


CONTAINERS: Final = _kind(
    Container, tables.CONTAINERS, "container_id", "created_at", "workspace_id", "preferred_protocol"
)
CONNECTIONS: Final = _kind(
    ACPConnectionRecord,
    tables.CONNECTIONS,
    "connection_id",
    "created_at",
    "workspace_id",
    "container_id",
    "status",
    sorts=("last_active",),
)
TRANSITIONS: Final = _kind(
    ConnectionTransition, tables.TRANSITIONS, "transition_id", "at", "connection_id", "workspace_id"
)
MESSAGES: Final = _kind(
    AcpMessage, tables.MESSAGES, "id", "timestamp", "connection_id", "session_id", "message_type"
)
SESSIONS: Final = _kind(
    ContainerSession,
    tables.SESSIONS,
    "session_id",
    "created_at",
    "workspace_id",
    "container_id",
    "protocol_type",
    "closed_at",
    "user_id",
    sorts=("updated_at",),
)
CONFIGURATIONS: Final = _kind(
    AcpConnectionConfiguration, tables.CONFIGURATIONS, "id", "created_at", "container_id"
)
MIGRATIONS: Final = _kind(
    ProtocolMigrationLog,
    tables.MIGRATIONS,
    "migration_id",
    "started_at",
    "workspace_id",
    "container_id",
    "status",
    "success",
)
ROLLBACKS: Final = _kind(
    RollbackEvent, tables.ROLLBACKS, "event_id", "initiated_at", "workspace_id", "trigger"
)
AUTOMATIONS: Final = _kind(
    GitHubAutomationSummary,
    tables.AUTOMATIONS,
    "summary_id",
    "created_at",
    "session_id",
    "workspace_id",
    "status",
    "skip_reason",
)
TRANSCRIPTS: Final = _kind(
    SessionTranscriptEntry,
    tables.TRANSCRIPTS,
    "entry_id",
    "timestamp",
    "session_id",
    "event_type",
    "summary_id",
)
ALERTS: Final = _kind(
    CapacityAlert, tables.ALERTS, "alert_id", "timestamp", "trigger", "scope", "resolved_at"
)
METRICS: Final = _kind(
    MetricsEnvelope,
    tables.METRICS,
    "metric_id",
    "timestamp",
    "workspace_id",
    "metric_type",
    "threshold_breached",
)

ERASURES: Final = _kind(Erasure, tables.ERASURES, "erasure_id", "ordered_at", "scope")

KINDS: Final[tuple[Kind[Record], ...]] = (
    CONTAINERS,
    CONNECTIONS,
    TRANSITIONS,
    MESSAGES,
    SESSIONS,
    CONFIGURATIONS,
    MIGRATIONS,
    ROLLBACKS,
    AUTOMATIONS,
    TRANSCRIPTS,
    ALERTS,
    METRICS,
    ERASURES,
)
"""All kinds, each after those that it refers to."""

BY_NAME: Final[dict[str, Kind[Record]]] = {
    "containers": CONTAINERS,
    "connections": CONNECTIONS,
    "transitions": TRANSITIONS,
    "messages": MESSAGES,
    "sessions": SESSIONS,
    "configurations": CONFIGURATIONS,
    "migrations": MIGRATIONS,
    "rollbacks": ROLLBACKS,
    "automations": AUTOMATIONS,
    "transcripts": TRANSCRIPTS,
    "alerts": ALERTS,
    "metrics": METRICS,
    "erasures": ERASURES,
}
"""The kinds by the names that APIs and audit trails give them."""

_BY_MODEL: Final = {kind.model: kind for kind in KINDS}


def kind_of(record: R) -> Kind[R]:
    """The kind of a record. Raises InternalError for what is no record that is stored."""
    kind = _BY_MODEL.get(type(record))
    if kind is None:
        raise InternalError(f"{type(record).__name__} is no record that is stored")
    return kind  # type: ignore[return-value]  # _BY_MODEL maps a type to the kind of that very type
