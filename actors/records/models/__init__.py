"""The records: what can be read afterwards of connections, messages, migrations, automations and alerts."""

from actors.records.models.automation import (
    AutomationError,
    AutomationStatus,
    CommitRef,
    GitHubAutomationSummary,
    IssueRef,
    PullRequestRef,
    SkipReason,
)
from actors.records.models.capacity_alert import CapacityAlert, NotificationChannel
from actors.records.models.connection import (
    ACTIVE,
    ACPConnectionRecord,
    ConnectionStatus,
    ConnectionTransition,
    Diagnostic,
)
from actors.records.models.container import (
    AcpConnectionConfiguration,
    Container,
    ContainerSession,
    EncryptionLevel,
)
from actors.records.models.erasure import Erasure, ErasureScope
from actors.records.models.message import AcpMessage, Direction, MessageType
from actors.records.models.metrics import MetricsEnvelope
from actors.records.models.migration import (
    Initiator,
    MigrationStatus,
    MigrationTrigger,
    ProtocolMigrationLog,
    ReasonCode,
    RollbackEvent,
    RollbackTrigger,
)
from actors.records.models.record import Part, Record, checked
from actors.records.models.transcript import SessionTranscriptEntry, TranscriptEventType
from actors.records.models.values import INLINE_BYTES, Protocol, iso, record_id

__all__ = [
    "ACTIVE",
    "INLINE_BYTES",
    "ACPConnectionRecord",
    "AcpConnectionConfiguration",
    "AcpMessage",
    "AutomationError",
    "AutomationStatus",
    "CapacityAlert",
    "CommitRef",
    "ConnectionStatus",
    "ConnectionTransition",
    "Container",
    "ContainerSession",
    "Diagnostic",
    "Direction",
    "EncryptionLevel",
    "Erasure",
    "ErasureScope",
    "GitHubAutomationSummary",
    "Initiator",
    "IssueRef",
    "MessageType",
    "MetricsEnvelope",
    "MigrationStatus",
    "MigrationTrigger",
    "NotificationChannel",
    "Part",
    "Protocol",
    "ProtocolMigrationLog",
    "PullRequestRef",
    "ReasonCode",
    "Record",
    "RollbackEvent",
    "RollbackTrigger",
    "SessionTranscriptEntry",
    "SkipReason",
    "TranscriptEventType",
    "checked",
    "iso",
    "record_id",
]
