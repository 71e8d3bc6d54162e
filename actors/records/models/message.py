"""The record of one message over a connection, for diagnosis."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from actors.records.models.record import Record
from actors.records.models.values import (
    AnyJson,
    Digest,
    Identifier,
    Milliseconds,
    Moment,
    Positive,
    Text,
    UuidText,
)


class Direction(StrEnum):
    """Seen from us: ``inbound`` comes from the container."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class MessageType(StrEnum):
    """What a message is for."""

    CONNECT = "connect"
    MESSAGE = "message"
    EVENT = "event"
    COMMAND = "command"
    STATUS = "status"
    DISCONNECT = "disconnect"


class AcpMessage(Record):
    """One message. ``size`` is that of the whole frame in bytes, ``processing_time`` in milliseconds.

    ``payload`` is the frame without its credentials. Where it is too large, ``payload_ref`` stands for it.
    """

    by_reference: ClassVar = ("payload",)

    id: UuidText
    connection_id: Identifier
    session_id: Identifier | None = None
    direction: Direction
    message_type: MessageType
    payload: Annotated[AnyJson, Field(repr=False)] = None
    payload_ref: Digest | None = None
    timestamp: Moment
    size: Positive
    processed: bool = False
    processing_time: Milliseconds | None = None
    error: bool = False
    error_message: Text | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.error_message is not None and not self.error:
            raise ValueError("errorMessage: only a message in error has one")
        return self
