"""The record store of this process: opened when it is first asked for, and again if it was away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from actors import errors
from actors.records import RecordStore

AGAIN_S: Final = 1.0
"""How long an attempt to open it that failed stands for those that come after it."""


class RecordSource:
    """Where the records are. Only ``reading`` gives them out, so that every fault of theirs has one name."""

    def __init__(self) -> None:
        self._url = ""
        self._store: RecordStore | None = None
        self._opening = asyncio.Lock()
        self._failed_at = float("-inf")

    def use(self, url: str) -> None:
        """The address of the records, before any are read."""
        self._url = url
        self._failed_at = float("-inf")

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[RecordStore]:
        """The store. Raises RecordsUnavailableError, also for what goes wrong while it is read."""
        try:
            yield self._store or await self._open()
        except errors.JournalUnavailableError as error:
            raise errors.RecordsUnavailableError(error.detail, AGAIN_S) from None

    async def ready(self) -> None:
        """Open the store, if it isn't. Raises RecordsUnavailableError."""
        async with self.reading():
            return

    async def close(self) -> None:
        """Let go of the store; it is opened again when it is asked for."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def _open(self) -> RecordStore:
        async with self._opening:
            if self._store is not None:
                return self._store
            if time.monotonic() - self._failed_at < AGAIN_S:
                raise errors.RecordsUnavailableError("the records could not be opened a moment ago", AGAIN_S)
            try:
                self._store = await RecordStore.open(self._url)
            except (errors.SettingsError, errors.JournalUnavailableError) as error:
                self._failed_at = time.monotonic()
                raise errors.RecordsUnavailableError(error.detail, AGAIN_S) from None
            return self._store


_source: Final = RecordSource()


def records() -> RecordSource:
    """That of this process; a function, since Serve copies a deployment's globals by value."""
    return _source
