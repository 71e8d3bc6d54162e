"""The record of one entry of a session's transcript that the system wrote (FR-013)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from actors.records.models.record import Record
from actors.records.models.values import AnyJson, Digest, Identifier, Moment, Text, UuidText


class TranscriptEventType(StrEnum):
    """What an entry tells of."""

    AUTOMATION = "automation"
    TOAST = "toast"
    ROLLBACK = "rollback"
    INFO = "info"


class SessionTranscriptEntry(Record):
    """One entry. ``summary_id`` is the automation that it tells of, if any."""

    by_reference: ClassVar = ("context",)

    entry_id: UuidText
    session_id: Identifier
    event_type: TranscriptEventType
    message: Annotated[Text, Field(repr=False)]
    context: Annotated[AnyJson, Field(repr=False)] = None
    context_ref: Digest | None = None
    summary_id: UuidText | None = None
    timestamp: Moment
