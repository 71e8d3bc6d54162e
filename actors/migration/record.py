"""What the journal keeps of a workspace's standing: enough to go on with it in another process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct, field

from actors import errors
from actors.migration.audit import Migration
from actors.migration.cause import Cause
from actors.migration.states import ProtocolState

KEPT_KEYS: Final = 32
KEY_TTL_S: Final = 86_400.0


class UsedKey(Struct, frozen=True, array_like=True):
    """A command that was carried out: the key it came with, a digest of it, and when (epoch seconds)."""

    key: str
    digest: str
    at_s: float


def used(keys: Sequence[UsedKey], key: str, digest: str, now_s: float) -> bool:
    """Whether a command with this key was carried out. Raises ConflictError where it was another one."""
    for one in keys:
        if one.key == key and now_s - one.at_s < KEY_TTL_S:
            if one.digest != digest:
                raise errors.ConflictError("Idempotency-Key: it came with another request before")
            return True
    return False


class StandingRecord(Struct):
    """A workspace's standing. Times are epoch seconds; 0 for what never happened.

    ``version`` counts the changes of the standing, ``strikes`` the rollbacks in a row. ``changed_s`` is when
    the protocol changed last, ``clock_s`` the newest time that was seen. ``under_way`` is the migration whose
    sessions are still coming over, ``brought`` the one that brought the workspace to ACP. ``seq`` is that of
    the newest entry whose samples the windows hold.
    """

    state: ProtocolState
    since_s: float
    clock_s: float
    seq: int = 0
    version: int = 1
    changed_s: float = 0.0
    strikes: int = 0
    cool_down_s: float = 0.0
    return_at_s: float = 0.0
    return_cause: Cause | None = None
    window: list[int] = field(default_factory=list)
    probes: list[int] = field(default_factory=list)
    under_way: Migration | None = None
    brought: Migration | None = None
    keys: tuple[UsedKey, ...] = ()

    def use(self, key: str, digest: str, now_s: float) -> None:
        """Remember a command."""
        recent = [one for one in self.keys if now_s - one.at_s < KEY_TTL_S]
        self.keys = (*recent, UsedKey(key, digest, now_s))[-KEPT_KEYS:]


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(StandingRecord)


def encode(record: StandingRecord) -> bytes:
    """The record as the journal keeps it."""
    return _encoder.encode(record)


def decode(meta: bytes) -> StandingRecord:
    """The record that the journal kept. Raises InternalError for what is none."""
    try:
        return _decoder.decode(meta)
    except msgspec.MsgspecError:
        raise errors.InternalError("the journal's record of a workspace cannot be read") from None
