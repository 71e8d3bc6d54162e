"""What is told live of an entry: made of the entry alone, so that a repeat is the very same event."""

from __future__ import annotations

from typing import Final

import msgspec
from pydantic import JsonValue

from actors.connection.events import EventKind
from actors.events.contract import MAX_DATA_BYTES, MAX_TOAST, LiveEvent, live_event, timestamp
from actors.journal.contract import Entry
from actors.migration.streams import EntryKind
from actors.projector import connections
from actors.projector.derived import note_in
from actors.projector.facts import SessionFacts
from actors.projector.messages import parsed
from actors.projector.state import ConnectionView
from actors.projector.streams import Address
from actors.protocol.redacted_json import redact_json
from actors.protocol.redaction import redact
from actors.records.models import record_id

CONNECTION: Final = "connection"
SESSION_KINDS: Final = frozenset(
    {EventKind.NOTICE.value, EventKind.TURN_STARTED.value, EventKind.TURN_ENDED.value, CONNECTION}
)
WORKSPACE_KINDS: Final = frozenset({EntryKind.ROLLBACK.value, EntryKind.MIGRATION.value})

LATEST_MS: Final = 120_000
"""What is older is history: a journal that is projected for the first time is not told as news."""


def session_event(
    address: Address, epoch: str, facts: SessionFacts, entry: Entry, kind: str, payload: bytes
) -> LiveEvent | None:
    """The live event of a session's entry. Raises what ``POISON`` names."""
    message = note_in(payload)
    about: dict[str, JsonValue] = {"sessionId": address.name, "workspaceId": facts.workspace_id}
    if kind == CONNECTION:
        told = connections.told_in(message, facts.tidy)
        view = ConnectionView(told.connection_id, told.container_id or "", entry.at, entry.at)
        data = connections.live_data(told, view, address.name, facts.workspace_id)
        return _event(f"connection:{told.to}", address, epoch, entry, data)
    note = parsed(message)
    if kind == EventKind.NOTICE:
        return _event("session:notice", address, epoch, entry, about | _notice(note, facts))
    if kind == EventKind.TURN_STARTED:
        return _event("session:turn-started", address, epoch, entry, about | {"turn": note.get("turn")})
    outcome = {"turn": note.get("turn"), "outcome": note.get("outcome")}
    return _event("session:turn-ended", address, epoch, entry, about | outcome)


def workspace_event(address: Address, epoch: str, entry: Entry, data: JsonValue) -> LiveEvent:
    """The live event of a rollback or a migration, which ``data`` is the record of."""
    return _event(f"protocol:{entry.kind.partition('@')[0]}", address, epoch, entry, data)


def automation_event(address: Address, epoch: str, entry: Entry, data: JsonValue) -> LiveEvent:
    """The live event of a run that has ended, or of what became of its pull request."""
    return _event(f"automation:{entry.kind.partition('@')[0]}", address, epoch, entry, data)


def _notice(note: dict[str, JsonValue], facts: SessionFacts) -> dict[str, JsonValue]:
    params = note.get("params")
    told = params if isinstance(params, dict) else {}
    toast = redact(facts.tidy.text(str(told.get("toast", ""))))
    kept = {name: told.get(name) for name in ("kind", "severity", "entry")}
    return {**kept, "toast": toast if len(toast) <= MAX_TOAST else f"{toast[: MAX_TOAST - 1]}…"}


def _event(name: str, address: Address, epoch: str, entry: Entry, data: JsonValue) -> LiveEvent:
    told = redact_json(data)
    if isinstance(told, dict):
        told = {**told, "timestamp": told.get("timestamp", timestamp(entry.at))}
    event_id = record_id(entry.stream, epoch, entry.seq, name)
    if len(msgspec.json.encode(told)) > MAX_DATA_BYTES:
        told = {"timestamp": timestamp(entry.at), "stream": entry.stream, "seq": entry.seq}
    return live_event(name, address.installation, told, entry.at, event_id)
