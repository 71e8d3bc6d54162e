"""Connections and containers, as records: what a session's entries tell of its link to the agent."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from pydantic import JsonValue

from actors.errors import Category
from actors.journal.contract import Entry
from actors.projector.derived import identifier, moment
from actors.projector.state import KEPT_DIAGNOSTICS, ConnectionView, Trouble
from actors.projector.tidy import Tidy
from actors.protocol.redaction import redact
from actors.records.models import (
    ACTIVE,
    ACPConnectionRecord,
    ConnectionStatus,
    ConnectionTransition,
    Container,
    Diagnostic,
    MessageType,
    Protocol,
    record_id,
)

UNKNOWN_VERSION: Final = "0.0.0"
"""Of a connection that is up and whose agent has told no version: AgentAPI has none."""
_CAUSE_CHARS: Final = 500
_CATEGORIES: Final = frozenset(category.value for category in Category)


class Told(Struct, rename="camel"):
    """What a ``connection`` entry tells; None where it is not known."""

    connection_id: str
    to: str
    container_id: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    protocol: str | None = None
    protocol_version: str | None = None
    capabilities: list[str] | None = None
    success_rate: float | None = None
    latency_p95_ms: float | None = msgspec.field(default=None, name="latencyP95Ms")
    throughput_per_min: float | None = None
    last_heartbeat: str | int | None = None
    error_code: str | None = None
    error_category: str | None = None
    cause: str | None = None


_decoder: Final = msgspec.json.Decoder(Told)


def told_in(message: bytes, tidy: Tidy) -> Told:
    """What an entry tells. Raises msgspec.MsgspecError; ValueError for a state that there is not."""
    told = _decoder.decode(message)
    told.cause = redact(tidy.text(told.cause))[:_CAUSE_CHARS] if told.cause else None
    ConnectionStatus(told.to)
    if told.from_:
        ConnectionStatus(told.from_)
    if told.protocol:
        Protocol(told.protocol)
    return told


def follow(view: ConnectionView, told: Told, entry: Entry) -> None:
    """The connection once it has changed as was told."""
    view.status = told.to
    view.last_active = max(view.last_active, entry.at)
    view.version = told.protocol_version or view.version
    if told.capabilities is not None:
        view.capabilities = [identifier(one) for one in told.capabilities[:100]]
    if told.success_rate is not None:
        view.success_rate = min(1.0, max(0.0, told.success_rate))
    view.latency_p95_ms = told.latency_p95_ms if told.latency_p95_ms is not None else view.latency_p95_ms
    if told.throughput_per_min is not None:
        view.throughput_per_min = told.throughput_per_min
    view.last_heartbeat = _heard(told.last_heartbeat) or view.last_heartbeat
    if told.to == ConnectionStatus.ERROR or told.error_code:
        view.errors += 1
        category = told.error_category if told.error_category in _CATEGORIES else None
        trouble = Trouble(entry.at, _code(told.error_code or "error"), category, entry.seq)
        view.diagnostics = [*view.diagnostics, trouble][-KEPT_DIAGNOSTICS:]
    view.reconnects += told.to == ConnectionStatus.RECONNECTING
    if told.to == ConnectionStatus.ROLLED_BACK:
        view.rollback_cause = told.cause or told.error_code or "rolled-back"


def connection_record(
    installation: str, workspace_id: str, stream: str, view: ConnectionView, protocol: str
) -> ACPConnectionRecord:
    """The connection as it stands."""
    status = ConnectionStatus(view.status)
    heard = view.last_heartbeat
    return ACPConnectionRecord(
        installation_id=installation,
        connection_id=view.connection_id,
        workspace_id=workspace_id,
        container_id=view.container_id,
        status=status,
        protocol_version=view.version or (UNKNOWN_VERSION if status in ACTIVE else None),
        negotiated_capabilities=tuple(view.capabilities),
        success_rate=view.success_rate,
        latency_p95=view.latency_p95_ms,
        throughput_per_min=view.throughput_per_min,
        last_heartbeat=moment(heard) if heard else None,
        last_active=moment(view.last_active),
        created_at=moment(view.created_at),
        error_count=view.errors,
        reconnect_count=view.reconnects,
        rollback_triggered=view.rollback_cause is not None,
        rollback_cause=view.rollback_cause,
        diagnostics=tuple(
            Diagnostic(
                at=moment(one.at),
                code=one.code,
                category=Category(one.category) if one.category else None,
                stream=identifier(stream),
                seq=one.seq,
            )
            for one in view.diagnostics
        ),
        metadata={"protocol": protocol},
    )


def transition_record(
    installation: str, workspace_id: str, epoch: str, told: Told, view: ConnectionView, entry: Entry
) -> ConnectionTransition | None:
    """The change of status; None where it stays as it was."""
    if told.from_ == told.to:
        return None
    cause = told.cause or told.error_code
    return ConnectionTransition(
        installation_id=installation,
        transition_id=record_id(entry.stream, epoch, entry.seq, "transition"),
        connection_id=view.connection_id,
        workspace_id=workspace_id,
        from_status=ConnectionStatus(told.from_) if told.from_ else None,
        to_status=ConnectionStatus(told.to),
        at=moment(entry.at),
        cause=cause,
    )


def container_record(
    installation: str, workspace_id: str, container_id: str, protocols: set[str], preferred: str, at: int
) -> Container:
    """The container, as far as it is known from here."""
    return Container(
        installation_id=installation,
        container_id=container_id,
        workspace_id=workspace_id,
        supported_protocols=tuple(one for one in Protocol if one.value in protocols | {preferred}),
        preferred_protocol=Protocol(preferred),
        created_at=moment(at),
        updated_at=moment(at),
    )


def message_type(told: Told) -> MessageType:
    """What the change is, as a message."""
    if told.to == ConnectionStatus.CONNECTED:
        return MessageType.CONNECT
    ends = (ConnectionStatus.DISCONNECTED, ConnectionStatus.ROLLED_BACK)
    return MessageType.DISCONNECT if told.to in ends else MessageType.STATUS


def live_data(told: Told, view: ConnectionView, session_id: str, workspace_id: str) -> dict[str, JsonValue]:
    """What the live event of the change tells."""
    return {
        "connectionId": view.connection_id,
        "containerId": view.container_id,
        "sessionId": session_id,
        "workspaceId": workspace_id,
        "from": told.from_,
        "to": told.to,
        "protocol": told.protocol,
        "errorCode": told.error_code,
        "errorCategory": told.error_category,
        "cause": told.cause,
    }


def _code(text: str) -> str:
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in text.lower())
    return "-".join(part for part in kept.split("-") if part)[:100].strip("-") or "error"


def _heard(told: str | int | None) -> int | None:
    if isinstance(told, str):
        try:
            return int(datetime.fromisoformat(told).timestamp() * 1000)
        except ValueError:
            return None
    return told
