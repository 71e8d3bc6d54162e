"""The API keys as one replica knows them: those shown lately, and which of them were revoked meanwhile."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from actors import errors
from serve.rights.api_keys import ApiKey
from serve.rights.endings import Endings

log = logging.getLogger("lumilink.rights")

POLL_S: Final = 2.0
FRESH_S: Final = 60.0
"""How long a key is known until it is read again."""
TRUSTED_S: Final = 60.0
"""How long keys are taken on the word of a store that is away."""
MAX_KNOWN: Final = 4096
_OVERLAP: Final = timedelta(hours=1)
"""By how much the clocks of those that revoke keys may differ from ours."""


class KeyRows(Protocol):
    """The store; see ``KeyStore``."""

    async def find(self, key_id: str) -> ApiKey | None:
        """A key of any installation."""

    async def revoked_since(self, moment: datetime) -> list[str]:
        """The ids of the keys that were revoked after a moment."""


class KeyBook:
    """Reads a key when it is shown for the first time, and learns of revocations while ``run`` runs."""

    def __init__(self, rows: KeyRows, endings: Endings, now: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._endings = endings
        self._now = now
        self._known: OrderedDict[str, tuple[ApiKey, float]] = OrderedDict()
        self._heard_at = float("-inf")
        self._polled = datetime.now(UTC)

    def known(self, key_id: str) -> ApiKey | None:
        """A key that was shown lately, without asking; None if it has to be asked for."""
        found = self._known.get(key_id)
        if found is None or self._now() - found[1] > FRESH_S or not self._is_trusted():
            return None
        return found[0]

    async def find(self, key_id: str) -> ApiKey | None:
        """A key, or None if there is none such.

        Raises RightsUnavailableError if that cannot be found out, nor was known a minute ago.
        """
        if (known := self.known(key_id)) is not None:
            return known
        try:
            key = await self._rows.find(key_id)
        except errors.RightsUnavailableError:
            if key_id in self._known and self._is_trusted():
                return self._known[key_id][0]
            raise
        self._heard_at = self._now()
        if key is None:
            self._known.pop(key_id, None)
            return None
        self._keep(key)
        return key

    async def run(self) -> None:
        """Ask for revocations, again and again. The replica owns the task."""
        while True:
            try:
                await self._poll()
            except errors.RightsUnavailableError as error:
                log.warning("revoked keys are not known: %s", error)
            except Exception:
                log.exception("asking for revoked keys failed")
            await asyncio.sleep(POLL_S)

    async def _poll(self) -> None:
        asked_at = datetime.now(UTC)
        revoked = await self._rows.revoked_since(self._polled - _OVERLAP)
        self._polled, self._heard_at = asked_at, self._now()
        for key_id in revoked:
            self._known.pop(key_id, None)
            self._endings.end(key_id, "the API key was revoked")

    def _keep(self, key: ApiKey) -> None:
        self._known[key.key_id] = key, self._now()
        self._known.move_to_end(key.key_id)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)

    def _is_trusted(self) -> bool:
        return self._now() - self._heard_at <= TRUSTED_S
