"""New sessions on their way to a place: collected, asked for in few calls, and told where they wait.

A call to the capacity actor costs as much as the answers to a hundred requests. So those that come while a
call is under way go together with the next one. Whoever waits for a place is asked for again and again: the
capacity actor keeps nothing for anybody who stops asking, and may itself be made anew meanwhile.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from actors import errors
from actors.capacity.ledger import RETRY_S, Place
from actors.capacity.rates import Rate
from actors.capacity.requests import Answer, Request, Waiting
from actors.capacity.roll import Owner
from serve.ingress.book import CapacityBook

log = logging.getLogger("lumilink.ingress")

REPEAT_S = 0.2
"""How often it is asked for those that wait."""
TELL_S = 1.0
"""How often one that waits is told its new position at most."""
MAX_BATCH = 250
"""Requests in a call."""
AT_ONCE = 25
"""Answers that are worked off in one go, and nobody else's messages meanwhile."""

OPEN_PER_S = 200.0
"""How many sessions a second are sent to one worker, to which opening one is a few milliseconds' work."""
OPEN_BURST_S = 0.1
"""How many seconds' worth of them are sent at once."""
REFUSALS = (
    errors.RateLimitedError,
    errors.QuotaExceededError,
    errors.CapacityError,
    errors.WorkerUnavailableError,
)
"""What a new session is refused with."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A request waits: its position from 1 on, of how many, and in how many seconds it is refused."""

    position: int
    of: int
    left_s: float


@dataclass(slots=True, eq=False)
class Applicant:
    """A new session that needs a place, a fork that of ``beside``.

    ``tell`` is called when it has to wait, and when its position changes.
    """

    session_id: str
    owner: Owner
    user: str
    tell: Callable[[Queued], None]
    beside: str = ""
    since: float = 0.0
    asked_at: float = float("-inf")
    told: Waiting | None = None
    told_at: float = float("-inf")
    place: asyncio.Future[Place] = field(init=False)

    def ask(self, now: float) -> Request:
        """The request, made for the first time or again."""
        waited_s = now - self.since if self.asked_at > float("-inf") else 0.0
        self.asked_at = now
        return Request(self.session_id, self.owner, self.user, waited_s, self.beside)


class Admissions:
    """All requests of one replica. ``wait_s`` is how long one waits for a place at most."""

    def __init__(self, capacity: CapacityBook, wait_s: float) -> None:
        self._capacity = capacity
        self._wait_s = wait_s
        self._pace = Rate(OPEN_PER_S, OPEN_BURST_S)
        self._applicants: dict[str, Applicant] = {}
        self._given_up: list[str] = []
        self._stirred = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    async def place(self, applicant: Applicant) -> Place:
        """A place for a new session; whoever does not use it gives it up.

        Raises RateLimitedError, QuotaExceededError, CapacityError where none came free in time, or
        WorkerUnavailableError.
        """
        loop = asyncio.get_running_loop()
        applicant.since, applicant.place = loop.time(), loop.create_future()
        self._applicants[applicant.session_id] = applicant
        self._stir()
        try:
            return await applicant.place
        except asyncio.CancelledError:
            self.give_up(applicant.session_id)
            raise

    def withdraw(self, applicant: Applicant) -> None:
        """The client wants no place any more, and is told so."""
        self.give_up(applicant.session_id)
        self._refuse(applicant, errors.RequestCancelledError("cancelled while it waited for a place"))

    def give_up(self, session_id: str) -> None:
        """Nobody wants this place any more, be it given or waited for."""
        self._applicants.pop(session_id, None)
        self._given_up.append(session_id)
        self._stir()

    def _stir(self) -> None:
        self._stirred.set()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask(), name="admissions")

    async def _ask(self) -> None:
        """Ask until nobody waits."""
        while self._applicants or self._given_up:
            self._stirred.clear()
            now = asyncio.get_running_loop().time()
            due = (one for one in self._applicants.values() if now - one.asked_at >= REPEAT_S)
            batch = list(itertools.islice(due, MAX_BATCH))
            if batch or self._given_up:
                await self._ask_for(batch, now)
            if len(batch) == MAX_BATCH:
                continue
            try:
                async with asyncio.timeout(REPEAT_S):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    async def _ask_for(self, batch: list[Applicant], now: float) -> None:
        given_up, self._given_up = self._given_up, []
        requests = [applicant.ask(now) for applicant in batch]
        try:
            answers = await self._capacity.admit(requests, given_up)
            for number, (applicant, answer) in enumerate(zip(batch, answers, strict=True), 1):
                self._take(applicant, answer)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
        except errors.LumiLinkError as error:
            log.warning("%d new sessions wait: %s", len(batch), error)
            for applicant in batch:
                self._keep(applicant, error)
        except Exception as error:
            log.exception("asking for places failed")
            for applicant in batch:
                self._refuse(applicant, errors.InternalError(f"admission failed: {type(error).__name__}"))

    def _take(self, applicant: Applicant, answer: Answer) -> None:
        if isinstance(answer, Place):
            self._applicants.pop(applicant.session_id, None)
            self._give(applicant, answer)
        elif isinstance(answer, Waiting):
            self._wait(applicant, answer)
        else:
            # The same instance may have come for many, and each that is raised grows a traceback.
            self._refuse(applicant, type(answer)(answer.detail, answer.retry_after_s))

    def _give(self, applicant: Applicant, place: Place) -> None:
        """At once, unless that worker has much to open: each must wait its turn then, not those that run."""
        loop = asyncio.get_running_loop()
        wait_s = self._pace.wait_s(place.life, loop.time())
        self._pace.take(place.life, loop.time())
        if wait_s:
            loop.call_later(wait_s, _set, applicant, place)
        else:
            _set(applicant, place)

    def _wait(self, applicant: Applicant, answer: Waiting) -> None:
        full = errors.CapacityError(f"no place came free in {self._wait_s:g} s", RETRY_S)
        if not self._keep(applicant, full):
            return
        now = asyncio.get_running_loop().time()
        if answer != applicant.told and now - applicant.told_at >= TELL_S:
            applicant.told, applicant.told_at = answer, now
            applicant.tell(Queued(answer.position, answer.of, applicant.since + self._wait_s - now))

    def _keep(self, applicant: Applicant, error: errors.LumiLinkError) -> bool:
        """Whether it may wait on; if not, it is refused."""
        if asyncio.get_running_loop().time() - applicant.since < self._wait_s:
            return True
        self._refuse(applicant, error)
        self._given_up.append(applicant.session_id)
        return False

    def _refuse(self, applicant: Applicant, error: errors.LumiLinkError) -> None:
        self._applicants.pop(applicant.session_id, None)
        if not applicant.place.done():
            applicant.place.set_exception(error)


def _set(applicant: Applicant, place: Place) -> None:
    if not applicant.place.done():
        applicant.place.set_result(place)
