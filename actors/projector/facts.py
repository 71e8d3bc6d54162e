"""What a session's record in the journal tells beside its entries."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, Self

import msgspec
from msgspec import Struct

from actors.connection.sealing import Sealer
from actors.journal.contract import Head
from actors.projector.tidy import Tidy


class _Carriage(Struct):
    connection_id: str = ""
    container_id: str = ""
    fallback_enabled: bool = True


class _Kept(Struct):
    """The part of a ``SessionRecord`` that matters here; what it may lack, earlier versions did."""

    workspace_id: str
    session_id: str
    cwd: str = ""
    agent_id: str = ""
    title: str | None = None
    updated_at: str = ""
    closed: bool = False
    sealed: bytes = b""
    carriage: _Carriage = msgspec.field(default_factory=_Carriage)
    user: str = ""


_decoder: Final = msgspec.msgpack.Decoder(_Kept)


class SessionFacts(Struct, frozen=True):
    """Of one session. ``updated_at`` is epoch milliseconds, 0 if the record does not say; ``mark`` tells this
    record from another, and ``tidy`` knows the session's secrets."""

    workspace_id: str
    cwd: str
    title: str | None
    updated_at: int
    closed: bool
    connection_id: str
    container_id: str
    fallback_enabled: bool
    mark: bytes
    tidy: Tidy
    user: str = ""

    @classmethod
    def of(cls, head: Head, sealer: Sealer | None) -> Self:
        """What a stream's record tells; of one that is none, what its workspace does."""
        try:
            kept = _decoder.decode(head.meta or b"")
        except msgspec.MsgspecError:
            kept = _Kept(head.workspace.partition("/")[2], "")
        surroundings = sealer.unseal(kept.sealed) if sealer is not None else b""
        return cls(
            kept.workspace_id,
            kept.cwd,
            kept.title,
            _epoch_ms(kept.updated_at),
            kept.closed,
            kept.carriage.connection_id,
            kept.carriage.container_id,
            kept.carriage.fallback_enabled,
            mark_of(head.meta),
            Tidy.for_surroundings(surroundings),
            kept.user,
        )


def mark_of(meta: bytes | None) -> bytes:
    """Tells one record of a stream from another."""
    return hashlib.blake2b(meta, digest_size=8).digest() if meta is not None else b""


def _epoch_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return 0
