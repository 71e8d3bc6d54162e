"""The values that records are made of: moments, ratios, texts and JSON, each with its limits."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from actors.protocol.redacted_json import redact_json
from actors.protocol.redaction import contains_secret, redact

INLINE_BYTES: Final = 32 * 1024
"""A JSON value of more bytes is not kept in a row."""
TEXT_CHARS: Final = 4000
MOST: Final = 2**53 - 1
"""The largest integer that every reader of JSON takes for itself."""

_SEMVER: Final = (
    r"^(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})\.(0|[1-9]\d{0,9})"
    r"(-[0-9A-Za-z-]{1,30}(\.[0-9A-Za-z-]{1,30}){0,5})?(\+[0-9A-Za-z-]{1,30}(\.[0-9A-Za-z-]{1,30}){0,5})?$"
)
_IDS: Final = uuid.UUID("6f2e1a53-5f0b-5b0e-9a53-1f1c0a6f7d11")


class Protocol(StrEnum):
    """How a container is reached."""

    HTTP = "http"
    ACP = "acp"


def encoded(value: JsonValue) -> bytes:
    """A JSON value as it is measured and stored: UTF-8, without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def decoded(body: str) -> JsonValue:
    """A JSON value as it was stored."""
    value: JsonValue = json.loads(body)
    return value


def record_id(stream: str, epoch: str, seq: int, what: str = "") -> str:
    """The id of what a journal's entry says, the same whenever it is read. ``what`` tells several apart."""
    return str(uuid.uuid5(_IDS, "\0".join((stream, epoch, str(seq), what))))


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with ``Z`` and milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_storable(text: str) -> bool:
    """Whether every store takes the text: no NUL, no half of a character."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _in_utc(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _storable_json(value: JsonValue) -> JsonValue:
    """No store takes a NUL in text, and the escape of it neither; JSON knows no number that is not finite."""
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, list):
        return [_storable_json(one) for one in value]
    if isinstance(value, dict):
        return {_storable(name): _storable_json(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shortened(text: str) -> str:
    return text if len(text) <= TEXT_CHARS else text[: TEXT_CHARS - 1] + "…"


def _free_of_secrets(text: str) -> str:
    if contains_secret(text):
        raise ValueError("holds a credential")
    return text


def _small(value: JsonValue) -> JsonValue:
    if len(encoded(value)) > INLINE_BYTES:
        raise ValueError(f"is larger than {INLINE_BYTES} bytes")
    return value


def _uuid(text: str) -> str:
    return str(uuid.UUID(text))


Moment = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 2, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC)),
    AfterValidator(_in_utc),
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
"""A moment in UTC, in whole milliseconds; JSON has it as ISO 8601 with ``Z``."""

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
UuidText = Annotated[str, StringConstraints(max_length=50), AfterValidator(_uuid)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Code = Annotated[str, StringConstraints(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""A kebab-case code."""
Semver = Annotated[str, StringConstraints(pattern=_SEMVER)]
"""A semantic version; ACP's version 1 is ``1.0.0``."""

Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Milliseconds = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]

Text = Annotated[str, AfterValidator(redact), AfterValidator(_storable), AfterValidator(_shortened)]
"""Text for people, without credentials. What is longer than 4,000 characters is cut and ends in ``…``."""
Toast = Annotated[
    str,
    StringConstraints(min_length=1, max_length=140),
    AfterValidator(_free_of_secrets),
    AfterValidator(_storable),
]
"""At most 140 characters. One with a credential is refused: it may have been shown to somebody already."""
Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://\S+$"), AfterValidator(redact)]

AnyJson = Annotated[JsonValue, AfterValidator(redact_json), AfterValidator(_storable_json)]
"""JSON without credentials, of any size."""
SmallJson = Annotated[AnyJson, AfterValidator(_small)]
"""JSON without credentials, of at most 32 KB."""
