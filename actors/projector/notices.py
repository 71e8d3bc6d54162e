"""Notices of a session, as entries of its transcript (FR-013)."""

from __future__ import annotations

from typing import Final

from pydantic import JsonValue

from actors.errors import InvalidParamsError
from actors.journal.contract import Entry
from actors.projector.derived import identifier, moment
from actors.projector.streams import Address
from actors.projector.tidy import Tidy
from actors.records.models import SessionTranscriptEntry, TranscriptEventType, record_id

_NO_CONTEXT: Final = frozenset({"sessionId", "toast", "entry", "message", "summaryId", "_meta"})


def transcript_entry(
    address: Address, epoch: str, entry: Entry, notice: dict[str, JsonValue], tidy: Tidy
) -> SessionTranscriptEntry:
    """What a notice tells. It is of the type that it names as ``entry``, or a toast.

    A ``message`` says more than the ``toast`` that was shown. Raises InvalidParamsError for a notice without
    both, ValueError for a type that there is not.
    """
    params = notice.get("params")
    if not isinstance(params, dict):
        raise InvalidParamsError("params: a notice has some")
    text = params.get("message") or params.get("toast")
    if not isinstance(text, str) or not text:
        raise InvalidParamsError("toast: a notice says something")
    summary_id = params.get("summaryId")
    return SessionTranscriptEntry(
        installation_id=address.installation,
        entry_id=record_id(address.stream, epoch, entry.seq, "transcript"),
        session_id=identifier(address.name),
        event_type=TranscriptEventType(str(params.get("entry") or "toast")),
        message=tidy.text(text),
        context=tidy.json({name: value for name, value in params.items() if name not in _NO_CONTEXT}),
        summary_id=summary_id if isinstance(summary_id, str) else None,
        timestamp=moment(entry.at),
    )
