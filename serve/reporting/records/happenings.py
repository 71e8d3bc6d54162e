"""Records as entries of a timeline: what happened, what came out of it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import JsonValue

from actors.records.models import (
    AcpMessage,
    AutomationStatus,
    ContainerSession,
    Direction,
    GitHubAutomationSummary,
    MessageType,
    Part,
    ProtocolMigrationLog,
    Record,
    RollbackEvent,
    SessionTranscriptEntry,
)
from actors.records.models.values import Moment


class Happening(StrEnum):
    """What an entry of a timeline tells of."""

    SESSION = "session"
    TURN = "turn"
    QUESTION = "question"
    DECISION = "decision"
    CONNECTION = "connection"
    PROTOCOL = "protocol"
    AUTOMATION = "automation"
    NOTICE = "notice"
    ROLLBACK = "rollback"
    MIGRATION = "migration"


class TimelineEntry(Part):
    """Something that happened. ``details`` is the record that tells of it.

    ``outcome`` is what came out of it, such as ``success``, ``skipped`` or ``error``, and ``reason`` why.
    """

    id: str
    at: Moment
    kind: Happening
    title: str
    outcome: str | None = None
    reason: str | None = None
    details: JsonValue = None


_CHANGES: Final = {
    "connecting": "The agent is dialled.",
    "connected": "The agent is connected.",
    "degraded": "The connection is slow, or fails more often than it should.",
    "error": "The connection broke.",
    "reconnecting": "The agent is dialled again.",
    "rolled-back": "The session goes on over HTTP.",
    "disconnected": "The connection has ended.",
}
_TRIGGERS: Final = {
    "fallback": "ACP failed: the session fell back",
    "rollback": "The workspace was rolled back: the session went",
    "return": "The session returned",
}


def entry_of(record: object) -> TimelineEntry | None:
    """What a record tells of; None for one that tells of nothing that happened."""
    if isinstance(record, TimelineEntry):
        return record
    if isinstance(record, GitHubAutomationSummary):
        return _automation(record)
    if isinstance(record, SessionTranscriptEntry):
        return _notice(record)
    if isinstance(record, RollbackEvent):
        return _rollback(record)
    if isinstance(record, ProtocolMigrationLog):
        return _migration(record)
    return _message(record) if isinstance(record, AcpMessage) else None


def begun(session: ContainerSession) -> TimelineEntry:
    """A session began."""
    title = f"The session began in workspace {session.workspace_id}."
    key = f"{session.session_id}:began"
    return TimelineEntry(id=key, at=session.created_at, kind=Happening.SESSION, title=title)


def ended(session: ContainerSession) -> TimelineEntry | None:
    """A session was closed, if it was."""
    if session.closed_at is None:
        return None
    key = f"{session.session_id}:ended"
    return TimelineEntry(
        id=key, at=session.closed_at, kind=Happening.SESSION, title="The session was closed."
    )


def _entry(
    record: Record, key: str, at: Moment, kind: Happening, title: str, **more: str | None
) -> TimelineEntry:
    details = record.model_dump(mode="json")
    return TimelineEntry(id=key, at=at, kind=kind, title=title, details=details, **more)


def _automation(record: GitHubAutomationSummary) -> TimelineEntry:
    title, reason = "Automation ran.", _artifacts(record)
    if record.status is AutomationStatus.SKIPPED:
        title, reason = "Automation was skipped.", f"{record.skip_reason}: {record.transcript_note}"
    elif record.error is not None:
        again = "it may be tried again" if record.error.retryable else "trying again does not help"
        title, reason = "Automation failed.", f"{record.error.code}: {record.error.message} ({again})"
    return _entry(
        record,
        record.summary_id,
        record.created_at,
        Happening.AUTOMATION,
        title,
        outcome=record.status.value,
        reason=reason,
    )


def _artifacts(record: GitHubAutomationSummary) -> str:
    made = [
        *([f"issue #{record.issue.number}"] if record.issue else []),
        *([f"pull request #{record.pull_request.number}"] if record.pull_request else []),
        *([f"commit {record.commit.sha[:7]}"] if record.commit else []),
    ]
    return f"It made {', '.join(made)}." if made else "It had nothing to make."


def _notice(record: SessionTranscriptEntry) -> TimelineEntry:
    key, at = record.entry_id, record.timestamp
    return _entry(record, key, at, Happening.NOTICE, record.message, outcome=record.event_type.value)


def _rollback(record: RollbackEvent) -> TimelineEntry:
    title = f"The workspace went back from {record.previous_protocol} to {record.new_protocol}."
    outcome = "in-progress" if record.completed_at is None else "succeeded"
    reason = f"{record.trigger}: {record.reason_code}"
    return _entry(
        record,
        record.event_id,
        record.initiated_at,
        Happening.ROLLBACK,
        title,
        outcome=outcome,
        reason=reason,
    )


def _migration(record: ProtocolMigrationLog) -> TimelineEntry:
    what = "The workspace" if record.container_id is None else "The container"
    why = record.error_message or record.rollback_reason
    begun_by = f"{record.trigger}, by {record.initiated_by}"
    return _entry(
        record,
        record.migration_id,
        record.started_at,
        Happening.MIGRATION,
        f"{what} moves from {record.from_protocol} to {record.to_protocol}.",
        outcome=record.status.value,
        reason=f"{begun_by}: {why}" if why else begun_by,
    )


def _message(record: AcpMessage) -> TimelineEntry | None:
    if record.message_type is MessageType.COMMAND:
        return _question(record)
    told = record.payload
    if not isinstance(told, Mapping) or "method" in told:
        return None
    if "turn" in told and "outcome" in told:
        return _turn(record, told)
    if "connectionId" in told and "to" in told:
        return _connection(record, told)
    return _protocol(record, told) if "trigger" in told else None


def _question(record: AcpMessage) -> TimelineEntry:
    asks = record.direction is Direction.INBOUND
    method = record.payload.get("method") if isinstance(record.payload, Mapping) else None
    kind, title = Happening.DECISION, "The question is settled."
    if asks:
        kind = Happening.QUESTION
        asked = method == "session/request_permission"
        title = "The agent asks for a permission." if asked else f"The agent asks: {method or 'something'}."
    return _entry(record, record.id, record.timestamp, kind, title, reason=_took(record))


def _turn(record: AcpMessage, told: Mapping[str, Any]) -> TimelineEntry:
    outcome = str(told["outcome"])
    title = f"Turn {told['turn']} ended: {outcome.replace('_', ' ').replace('-', ' ')}."
    return _entry(
        record,
        record.id,
        record.timestamp,
        Happening.TURN,
        title,
        outcome="error" if record.error else "success",
        reason=record.error_message or _took(record),
    )


def _connection(record: AcpMessage, told: Mapping[str, Any]) -> TimelineEntry:
    state, before, cause = str(told["to"]), told.get("from"), told.get("cause") or told.get("errorCode")
    change = f"{before} → {state}" if before else state
    return _entry(
        record,
        record.id,
        record.timestamp,
        Happening.CONNECTION,
        _CHANGES.get(state, "The connection changed."),
        outcome=state,
        reason=f"{change}: {cause}" if cause else change,
    )


def _protocol(record: AcpMessage, told: Mapping[str, Any]) -> TimelineEntry:
    how = _TRIGGERS.get(str(told["trigger"]), "The session went")
    why = [str(told[name]) for name in ("code", "reason") if told.get(name)]
    return _entry(
        record,
        record.id,
        record.timestamp,
        Happening.PROTOCOL,
        f"{how} from {told.get('from', 'its protocol')} to {told.get('to', 'another')}.",
        outcome=str(told["trigger"]),
        reason=": ".join(why) or None,
    )


def _took(record: AcpMessage) -> str | None:
    took = record.processing_time
    return None if took is None else f"after {took / 1000:.1f} s"
