"""Request ids: every legal JSON-RPC id, and how it is read and spelled."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec

RequestId: TypeAlias = int | str | float | None
"""Every legal JSON-RPC id. A fraction or ``null`` is discouraged by the specification, but legal."""

WireId: TypeAlias = RequestId | msgspec.Raw
"""An id to be written: a value, or its JSON text where the peer's own spelling must come back."""

_decode: Final[msgspec.json.Decoder[RequestId]] = msgspec.json.Decoder(RequestId)
read_id = _decode.decode
"""Decode the JSON text of an id; msgspec.DecodeError if it is a bool, an object, an array or out of range."""
