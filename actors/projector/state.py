"""What has to be known of a stream's past to go on with it: kept beside its position, in the same commit.

It holds ids, moments and numbers, and no text but why a connection was given up, without credentials.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from msgspec import Struct

MOST_ASKED: Final = 256
"""Questions that a session may have open at a time."""
KEPT_DIAGNOSTICS: Final = 10

S = TypeVar("S", bound="StreamState")


class Trouble(Struct, array_like=True, frozen=True):
    """What went wrong with a connection, and where the journal says more."""

    at: int
    code: str
    category: str | None
    seq: int


class ConnectionView(Struct, array_like=True):
    """A connection as far as its session's entries have told. Moments are epoch milliseconds."""

    connection_id: str
    container_id: str
    created_at: int
    last_active: int
    status: str = "connecting"
    version: str | None = None
    capabilities: list[str] = msgspec.field(default_factory=list)
    success_rate: float | None = None
    latency_p95_ms: float | None = None
    throughput_per_min: float | None = None
    last_heartbeat: int | None = None
    errors: int = 0
    reconnects: int = 0
    rollback_cause: str | None = None
    diagnostics: list[Trouble] = msgspec.field(default_factory=list)
    recorded_at: int = 0
    """The moment, of an entry, that its record was made at; 0 if it never was."""


class StreamState(Struct, array_like=True):
    """Of any stream. ``told``: live events of all entries up to this one have been posted.

    ``meta_mark`` tells the stream's record that was projected from others. ``fold_from`` is the first entry
    of a message that goes on (0: none does), which begins in the midst of a text if ``fold_is_cut``.
    """

    told: int = 0
    meta_mark: bytes = b""
    fold_from: int = 0
    fold_is_cut: bool = False


class SessionState(StreamState, array_like=True):
    """Of a session's stream. ``counts`` are those of ``minute``, in minutes since the epoch.

    ``down_since`` is when its connection was lost, 0 while it is there.
    """

    created_at: int = 0
    last_at: int = 0
    protocol: str = "acp"
    connection: ConnectionView | None = None
    turn: int = 0
    turn_at: int = 0
    asked: dict[str, int] = msgspec.field(default_factory=dict)
    minute: int = 0
    counts: dict[str, float] = msgspec.field(default_factory=dict)
    closed: bool = False
    down_since: int = 0


_encoder: Final = msgspec.msgpack.Encoder()


def encode(state: StreamState) -> bytes:
    """The state as it is kept."""
    return _encoder.encode(state)


def decode(kept: bytes | None, kind: type[S]) -> S:
    """The state that was kept; a new one where there is none, or one of a version that is not read."""
    try:
        return msgspec.msgpack.decode(kept or b"", type=kind)
    except msgspec.MsgspecError:
        return kind()


def goes_on(kept: bytes | None, seq: int) -> bool:
    """Whether something of the entries up to ``seq`` is still to be written or told."""
    state = decode(kept, StreamStateOnly)
    return bool(state.fold_from) or state.told < seq


class StreamStateOnly(StreamState, array_like=True):
    """The part of a state that every stream's has; what follows it is passed over."""
