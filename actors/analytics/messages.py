"""Messages for others, made of what happened and of what was counted, each with an id of its own.

A message's body is JSON, and holds all that its headers say: see docs/analytics.md for the shapes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from actors.analytics.happening import Happening
from actors.protocol.redacted_json import redact_json
from actors.records import Change, Position
from actors.records.models import MetricsEnvelope
from actors.records.outgoing import Outgoing

METRICS: Final = "metrics"
EVENTS: Final = "events"
VERSION: Final = 1
"""Of the shapes of both. A change that a reader of before cannot read makes it 2, in topics of its own."""


def messages_of(
    installation_id: str, upto: Position, changes: Sequence[Change], happenings: Sequence[Happening]
) -> list[Outgoing]:
    """What a page of a stream has to tell, in the order of its entries."""
    told = [(one.seq, _event(installation_id, upto, one)) for one in happenings]
    told += (
        (change.seq, _metric(upto, change.seq, change.record))
        for change in changes
        if isinstance(change.record, MetricsEnvelope)
    )
    return [message for _, message in sorted(told, key=lambda one: one[0])]


def _event(installation_id: str, upto: Position, happening: Happening) -> Outgoing:
    message_id = f"{upto.stream}:{upto.epoch}:{happening.seq}:{happening.what}"
    body: dict[str, JsonValue] = {
        "eventId": message_id,
        "event": happening.what.value,
        "schemaVersion": VERSION,
        "installationId": installation_id,
        "workspaceId": happening.workspace_id or None,
        "sessionId": happening.session_id or None,
        "at": happening.at,
        "data": redact_json(happening.data),
    }
    key = _key(installation_id, happening.workspace_id)
    name, session_id = happening.what.value, happening.session_id or None
    return Outgoing(EVENTS, message_id, key, name, _text(body), session_id)


def _metric(upto: Position, seq: int, envelope: MetricsEnvelope) -> Outgoing:
    # A minute may be told in parts; and an entry may end one minute, and be the last of the next one.
    minute = int(envelope.timestamp.timestamp()) // 60
    message_id = f"{upto.stream}:{upto.epoch}:{seq}:{envelope.metric_type}@{minute}"
    body = {
        "eventId": message_id,
        "schemaVersion": VERSION,
        **envelope.model_dump(mode="json", by_alias=True),
    }
    key = _key(envelope.installation_id, envelope.workspace_id or "")
    return Outgoing(METRICS, message_id, key, envelope.metric_type, _text(body))


def _key(installation_id: str, workspace_id: str) -> str:
    """What belongs together: Kafka keeps the order of messages that have the same."""
    return f"{installation_id}/{workspace_id}"


def _text(body: JsonValue) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
