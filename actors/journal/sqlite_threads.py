"""Threads that own SQLite connections, and the bounded way to them from an event loop."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, TypeVar

from actors.errors import JournalUnavailableError

T = TypeVar("T")

CAPACITY: Final = 20_000
"""Jobs that may be under way or wait; the next one is refused.

Two for each of the 10,000 sessions that a worker may hold: after a failover all of them read at once. What
waits is small, and waits until its deadline at most, so that is what ends it, not this number.
"""

log = logging.getLogger("lumilink.journal")


class ConnectionThreads:
    """Runs jobs, in the order of their coming, on threads with a connection each, opened when needed.

    After an error of SQLite the connection is closed, and the next job opens another.
    """

    def __init__(
        self,
        name: str,
        open_connection: Callable[[], sqlite3.Connection],
        threads: int = 1,
        capacity: int = CAPACITY,
    ) -> None:
        self._name = name
        self._open = open_connection
        self._capacity = capacity
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._local = threading.local()
        self._connections: set[sqlite3.Connection] = set()
        self._unfinished: set[Future[Any]] = set()
        self._closed = False

    async def run(self, job: Callable[[sqlite3.Connection], T], deadline_s: float) -> T:
        """What ``job`` returns.

        Raises JournalUnavailableError where SQLite fails, where too many jobs wait, and at the deadline. A
        job that has not begun by then is not done any more: it would only keep others waiting. One that has
        begun goes on, and so does any whose caller is cancelled.
        """
        if self._closed:
            raise JournalUnavailableError("the journal is closed")
        if len(self._unfinished) >= self._capacity:
            raise JournalUnavailableError(f"{self._capacity} jobs wait for the journal's file", 1.0)
        future = self._executor.submit(self._work, job)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        try:
            async with asyncio.timeout(deadline_s):
                return await asyncio.shield(asyncio.wrap_future(future))
        except TimeoutError:
            future.cancel()
            raise JournalUnavailableError(f"the journal's file took more than {deadline_s:g} s") from None

    async def close(self, deadline_s: float) -> None:
        """Take no more jobs, wait for those that were taken, and close the connections."""
        if self._closed:
            return
        self._closed = True
        unfinished = [asyncio.wrap_future(future) for future in tuple(self._unfinished)]
        if unfinished:
            await asyncio.wait(unfinished, timeout=deadline_s)
        closing = asyncio.wrap_future(self._executor.submit(self._close_connections))
        self._executor.shutdown(wait=False)
        _, late = await asyncio.wait([closing], timeout=deadline_s)
        if late:
            log.error("%s did not end within %g s", self._name, deadline_s)

    # ------------------------------------------------------------------ on the threads

    def _work(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return job(self._connection())
        except sqlite3.Error as error:
            self._drop_connection()
            raise unavailable(error) from None

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._open()
            self._connections.add(connection)
        return connection

    def _drop_connection(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._connections.discard(connection)
            with suppress(sqlite3.Error):  # what went wrong has been told
                connection.close()

    def _close_connections(self) -> None:
        for connection in self._connections:
            connection.close()


def unavailable(error: sqlite3.Error) -> JournalUnavailableError:
    """The error of ours for one of SQLite's: its name, never a value."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return JournalUnavailableError(f"the journal's file cannot be used: {name}")
