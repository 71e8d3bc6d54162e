"""A worker's copy of the installations' policies: told when one changes, read again now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from actors import errors
from actors.journal.contract import Journal
from actors.migration.policy import Policy
from actors.migration.record import UsedKey
from actors.migration.streams import policy_stream

log = logging.getLogger("lumilink.migration")

READ_AGAIN_S: Final = 30.0


class PolicyRecord(Struct, frozen=True):
    """The record of an installation's stream: its policy, and the keys that its changes came with."""

    policy: Policy
    keys: tuple[UsedKey, ...] = ()


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(PolicyRecord)


def encode(record: PolicyRecord) -> bytes:
    """The record as the journal keeps it."""
    return _encoder.encode(record)


def decode(meta: bytes | None) -> PolicyRecord | None:
    """The record that the journal kept; None if it has none. Raises InternalError for what is none."""
    if meta is None:
        return None
    try:
        return _decoder.decode(meta)
    except msgspec.MsgspecError:
        raise errors.InternalError("the journal's record of a policy cannot be read") from None


class Policies:
    """``default`` is what an installation has that never changed it. ``changed`` hears of each change."""

    def __init__(
        self, journal: Journal, default: Policy, changed: Callable[[str, Policy], None] = lambda *_: None
    ) -> None:
        self._journal = journal
        self._default = default
        self._changed = changed
        self._known: dict[str, Policy] = {}

    async def get(self, installation: str) -> Policy:
        """The policy of an installation; what is known of it while the journal is away."""
        if installation not in self._known:
            await self._read(installation)
        return self._known.get(installation, self._default)

    def take(self, installation: str, policy: Policy) -> None:
        """It has changed, or may have: an older version is passed over."""
        known = self._known.get(installation, self._default)
        if policy.version > known.version:
            self._known[installation] = policy
            self._changed(installation, policy)

    async def keep(self) -> None:
        """Read them again, for as long as the worker lives."""
        while True:
            await asyncio.sleep(READ_AGAIN_S)
            for installation in list(self._known):
                await self._read(installation)

    async def _read(self, installation: str) -> None:
        try:
            head = await self._journal.head(policy_stream(installation))
            record = decode(None if head is None else head.meta)
        except errors.LumiLinkError as error:
            log.warning("the policy of %s is read again later: %s", installation, error)
            return
        self._known.setdefault(installation, self._default)
        if record is not None:
            self.take(installation, record.policy)
