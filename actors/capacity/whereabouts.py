"""Where sessions and workers are: the ledger's answers, held back while they may be wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from actors import errors
from actors.capacity.ledger import Ledger, Place

log = logging.getLogger("lumilink.capacity")

SETTLE_S = 3.0
"""How long fresh books say that they do not know yet: within it, every worker has reported."""
PROBE_LIMIT_S = 1.0
END_LIMIT_S = 7.0
"""How long the end of a silent worker is waited for; with the probe it is less than what callers wait."""
END_POLL_S = 0.1
WATCH_EVERY_S = 1.0
SILENT_TIMES = 9
"""How often in a row a worker is found silent until it is ended though nobody asked where it is. With the
time until it counts as silent that is 15 s, as long as a lease: then others may take what it holds."""

EndWorker = Callable[[str], Awaitable[None]]
"""Ends the process of the worker with an id. Raises an error of ours where that cannot be done."""


async def _leave_alone(_worker_id: str) -> None:
    """For a place from which no process can be ended."""


class Whereabouts:
    """Asks the ledger, and finds out whether a worker is dead before it says so.

    ``end_worker`` ends the process of the worker with an id, even one that is stopped, and has it started
    anew: one that is only silent may hold what others wait for, such as the lock of the journal's file.
    ``clock`` tells seconds; the ledger's times are its.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], float] = time.monotonic,
        end_worker: EndWorker = _leave_alone,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._end_worker = end_worker
        self._began_at = clock()
        self._endings: dict[str, asyncio.Task[None]] = {}
        self._silent: Counter[str] = Counter()

    def locate(self, session_id: str) -> Place:
        """See ``Ledger.locate``; fresh books give no new places, as they do not know yet what is where."""
        return self.find(session_id) or self._ledger.locate(session_id, self._clock())

    def find(self, session_id: str) -> Place | None:
        """See ``Ledger.find``. Raises WorkerUnavailableError if the books are too fresh to know."""
        place = self._ledger.find(session_id)
        if place is None:
            self._check_settled()
        return place

    def whereis(self, life: str) -> Place | None:
        """See ``Ledger.whereis``; None means that the worker is dead for sure.

        Raises WorkerUnavailableError if the books are too fresh to know.
        """
        place = self._ledger.whereis(life)
        if place is None:
            self._check_settled()
            self._ledger.forget(life)  # who is told so acts on it, so it has to stay true
        return place

    async def relocate(self, session_ids: list[str], lost: str) -> dict[str, Place]:
        """See ``Ledger.relocate``. A worker whose port refuses connections is dead. One of which nothing was
        heard for a while, or whose port does not answer within a second, is ended.
        """
        place = self.whereis(lost)
        if place is not None:
            await self._find_out(place)
        return self._ledger.relocate(session_ids, lost, self._clock())

    async def watch(self) -> None:
        """End workers that stay silent, for as long as the capacity actor lives.

        It counts how often it found one so instead of reading the clock: if this very process was held up,
        the reports that wait for it come first.
        """
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            await self.look_for_silent()

    async def look_for_silent(self) -> None:
        """One look at all workers; see ``watch``."""
        now = self._clock()
        places = [one for one in self._ledger.places() if not self._ledger.is_heard(one.life, now)]
        self._silent = Counter({one.life: self._silent[one.life] + 1 for one in places})
        given_up = [one for one in places if self._silent[one.life] >= SILENT_TIMES]
        await asyncio.gather(*(self._find_out(one) for one in given_up))

    async def _find_out(self, place: Place) -> None:
        """Forget a worker if it is dead, or has to be."""
        try:
            async with asyncio.timeout(PROBE_LIMIT_S):
                answers = await _takes_connections(place)
        except TimeoutError:
            answers = False
        else:
            if not answers:
                self._ledger.forget(place.life)
                return
        if not answers or not self._ledger.is_heard(place.life, self._clock()):
            await self._end(place)

    async def _end(self, place: Place) -> None:
        """End a worker's process and forget it; once for all who find that it is silent."""
        ending = self._endings.get(place.life)
        if ending is None:
            ending = asyncio.get_running_loop().create_task(self._end_once(place), name="end a worker")
            self._endings[place.life] = ending
            ending.add_done_callback(lambda _: self._endings.pop(place.life, None))
        await asyncio.shield(ending)

    async def _end_once(self, place: Place) -> None:
        log.warning("%s is silent: its process is ended", place.worker_id)
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await self._end_worker(place.worker_id)
                # The kernel takes connections for a stopped process, and refuses them once it is gone.
                while await _takes_connections(place):  # noqa: ASYNC110 - another process has no event
                    await asyncio.sleep(END_POLL_S)
        except (errors.LumiLinkError, TimeoutError) as error:
            # On a machine that is out of reach; there, the fence keeps it from writing.
            log.warning("the end of %s is not certain: %s %s", place.worker_id, type(error).__name__, error)
        self._ledger.forget(place.life)

    def _check_settled(self) -> None:
        if self._clock() - self._began_at < SETTLE_S:
            raise errors.WorkerUnavailableError("the workers have not reported yet", 1.0)


async def _takes_connections(place: Place) -> bool:
    """Whether its port is open; takes for ever where the machine does not answer."""
    try:
        _, writer = await asyncio.open_connection(place.host, place.port)
    except OSError:
        return False
    writer.close()
    return True
