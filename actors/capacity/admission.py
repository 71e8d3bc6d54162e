"""Who is admitted: rates, limits and room, in this order, and who waits for room.

Plain state over the ledger with the time handed in. The same request may come any number of times: it takes
one place, one token and one position in the queue. Nothing here has to survive: after a restart the workers'
reports say what is used, and replicas repeat what waits, with how long it has waited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from actors import errors
from actors.capacity.ledger import RETRY_S, Ledger
from actors.capacity.limits import Limits
from actors.capacity.rates import Rate
from actors.capacity.requests import Answer, Request, Waiting
from actors.capacity.roll import NOBODY
from actors.capacity.waiting import LAPSE_S, WaitingLines

Refusals = dict[str, errors.LumiLinkError]


@dataclass(frozen=True, slots=True)
class AdmissionFigures:
    """How many requests wait, and how many places were given or requests refused since the actor was made."""

    waiting: int
    admitted: int
    refused: int


class Admission:
    """Answers requests for new sessions; before ``opens_at`` all wait, as the books are not full yet."""

    def __init__(self, ledger: Ledger, limits: Limits, opens_at: float = 0.0) -> None:
        self._ledger = ledger
        self._limits = limits
        self._opens_at = opens_at
        self._lines = WaitingLines()
        self._unfetched: dict[str, float] = {}
        """Places given to requests that have to ask again to learn of it, and when they asked last."""
        self._by_installation = Rate(limits.new_sessions_per_s_installation)
        self._by_user = Rate(limits.new_sessions_per_s_user)
        self._admitted = 0
        self._refused = 0

    def admit(self, requests: Sequence[Request], given_up: Iterable[str], now: float) -> list[Answer]:
        """One answer for each request, in their order.

        ``given_up`` are sessions that nobody wants any more: the place of each is free, if it had one.
        """
        for session_id in given_up:
            self._drop(session_id)
        self._lapse(now)
        refusals: Refusals = {}
        for request in requests:
            try:
                self._join(self._whose(request), now)
            except errors.LumiLinkError as error:
                self._lines.leave(request.session_id)
                refusals[request.session_id] = error
        self._serve(now, refusals)
        positions = self._shed(now, refusals)
        return [self._answer(request.session_id, refusals, positions) for request in requests]

    def check(self, now: float) -> None:
        """Raise what keeps a new session from being admitted at once; a tenant's own limits are left out."""
        self._lapse(now)
        if self._room(now) <= 0 or len(self._lines) > 0:
            raise self._full(now)

    def figures(self, now: float) -> AdmissionFigures:
        """How it goes."""
        self._lapse(now)
        return AdmissionFigures(len(self._lines), self._admitted, self._refused)

    def _join(self, request: Request, now: float) -> None:
        """Take a request in; the first time it costs a token. Raises RateLimitedError, QuotaExceededError."""
        if self._ledger.find(request.session_id) is not None:
            return
        is_new = request.session_id not in self._lines and not request.waited_s
        if is_new:
            self._charge(request, now)
        self._limits.check(request.owner, self._ledger.roll)
        self._lines.join(request, now)

    def _whose(self, request: Request) -> Request:
        """A fork is of the workspace that its original is of."""
        owner = self._ledger.roll.owner_of(request.beside) if request.beside else NOBODY
        is_known = owner.installation == request.owner.installation
        return request._replace(owner=owner) if is_known else request

    def _charge(self, request: Request, now: float) -> None:
        installation, user = request.owner.installation, f"{request.owner.installation}/{request.user}"
        wait_s = self._by_installation.wait_s(installation, now)
        if wait_s:
            raise errors.RateLimitedError("the installation starts sessions faster than it may", wait_s)
        if request.user:
            wait_s = self._by_user.wait_s(user, now)
            if wait_s:
                raise errors.RateLimitedError("the user starts sessions faster than they may", wait_s)
            self._by_user.take(user, now)
        self._by_installation.take(installation, now)

    def _serve(self, now: float, refusals: Refusals) -> None:
        """Give what is free to those whose turn it is, be they in this call or not."""
        free = self._room(now)
        if free <= 0:
            return
        for waiter in self._lines.in_turn():
            request = waiter.request
            try:
                self._limits.check(request.owner, self._ledger.roll)
                self._ledger.reserve(request.owner, request.session_id, now, request.beside)
            except errors.QuotaExceededError as error:
                refusals[request.session_id] = error
            except errors.CapacityError:
                continue  # the worker of its workspace is full; those behind it may go elsewhere
            else:
                self._admitted += 1
                free -= 1
                self._unfetched[request.session_id] = waiter.asked_at
                self._lines.had_turn(request.owner.installation)
            self._lines.leave(request.session_id)
            if free <= 0:
                return

    def _shed(self, now: float, refusals: Refusals) -> dict[str, Waiting]:
        """Refuse those for whom the queue is too short; the others are told where in it they are."""
        line = self._lines.in_turn()
        kept, rest = line[: self._limits.queue], line[self._limits.queue :]
        if rest:
            # One for all: it is pickled once.
            full = self._full(now, len(kept))
            for waiter in rest:
                self._lines.leave(waiter.request.session_id)
                refusals[waiter.request.session_id] = full
        return {waiter.request.session_id: Waiting(at, len(kept)) for at, waiter in enumerate(kept, 1)}

    def _answer(self, session_id: str, refusals: Refusals, positions: dict[str, Waiting]) -> Answer:
        refusal = refusals.get(session_id)
        if refusal is not None:
            self._refused += 1
            return refusal
        self._unfetched.pop(session_id, None)
        return positions.get(session_id) or self._ledger.find(session_id) or self._lost()

    @staticmethod
    def _lost() -> errors.LumiLinkError:
        return errors.InternalError("a request was neither served nor refused")

    def _room(self, now: float) -> int:
        """How many places may be given now."""
        try:
            return self._ledger.room(now) if now >= self._opens_at else 0
        except errors.WorkerUnavailableError:
            return 0

    def _full(self, now: float, waiting: int | None = None) -> errors.LumiLinkError:
        """Why nobody is admitted."""
        if now < self._opens_at:
            return errors.WorkerUnavailableError("the workers have not reported yet", self._opens_at - now)
        try:
            self._ledger.room(now)
        except errors.WorkerUnavailableError as error:
            return error
        many = len(self._lines) if waiting is None else waiting
        queue = f", and {many} new sessions wait for one" if many else ""
        return errors.CapacityError(f"no place is free{queue}", RETRY_S)

    def _lapse(self, now: float) -> None:
        """Whoever did not repeat its request in time is gone, and its place is free."""
        for waiter in self._lines.lapsed(now):
            self._lines.leave(waiter.request.session_id)
        for session_id, asked_at in list(self._unfetched.items()):
            if now - asked_at > LAPSE_S:
                self._drop(session_id)

    def _drop(self, session_id: str) -> None:
        self._lines.leave(session_id)
        self._unfetched.pop(session_id, None)
        self._ledger.release(session_id)
