"""Bringing views back that lost their worker, without their clients noticing.

One task a lost link: it asks the capacity actor where the sessions go, in one call for all of them, and
opens each there by its cursor, until all are back or ``REATTACH_S`` is over. A worker that does not hold a
session's workspace names the life of the one that does; it is followed there.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import msgspec

from actors import errors
from actors.capacity.ledger import Place
from actors.link.channel import Channel
from actors.link.greeting import Greeting
from actors.protocol import compose
from serve.ingress.book import CapacityBook
from serve.ingress.views import Arrival, SessionView

log = logging.getLogger("lumilink.ingress")

ATTACH = "_lumilink/session/attach"
REATTACH_S = 30.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
MAX_HOPS = 4


@dataclass(frozen=True, slots=True)
class Reached:
    """A link to the worker with this life; ``dead`` is the life that was found dead on the way, if any."""

    channel: Channel
    life: str
    dead: str = ""


class Roads(Protocol):
    """The links of the replica; see ``links.py``."""

    async def channel(self, place: Place) -> Channel:
        """The link to a worker. Raises LinkBrokenError."""

    async def reach(self, session_id: str, place: Place) -> Reached:
        """The link to a worker, or to the one that a session goes to if that one is dead."""

    def reopen(
        self, view: SessionView, channel: Channel, life: str, greeting: Greeting
    ) -> asyncio.Future[Arrival]:
        """Attach a view that was attached before; the future tells what comes of it."""

    def open_again(self, view: SessionView, reached: Reached, greeting: Greeting) -> None:
        """Pass on the client's request that opens a view, to another worker."""

    def withdraw(self, view: SessionView) -> None:
        """Do not wait for a view at the worker that it was opened at last."""

    def end(self, view: SessionView, error: errors.LumiLinkError) -> None:
        """The view is over."""


@dataclass(slots=True, eq=False)
class _Trip:
    """A view on its way back: the life it was lost with last, a life known to be dead, the last failure."""

    view: SessionView
    lost: str
    error: errors.LumiLinkError
    dead: str = ""


class Reattaching:
    """Brings views back. Every task is owned here and ends after ``REATTACH_S`` at the latest."""

    def __init__(
        self, capacity: CapacityBook, roads: Roads, chance: Callable[[], float] = random.random
    ) -> None:
        self._capacity = capacity
        self._roads = roads
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(
        self, views: Iterable[SessionView], lost: str, error: errors.LumiLinkError, *, at_once: bool = True
    ) -> None:
        """Bring back views that ``error`` cut off from the worker with the life ``lost``."""
        trips = [_Trip(view, lost, error) for view in views]
        if trips:
            pauses = _pauses(self._chance, at_once=at_once)
            self._own(_Return(self._capacity, self._roads, trips, pauses).run())

    def follow(self, view: SessionView, life: str) -> None:
        """Pass the client's request that opens a view on to the worker with this life."""
        self._own(self._follow(view, life))

    def cancel(self) -> None:
        """The replica ends."""
        for task in self._tasks:
            task.cancel()

    def _own(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, view: SessionView, life: str) -> None:
        try:
            async with asyncio.timeout(REATTACH_S):
                await self._follow_once(view, life)
        except errors.LumiLinkError as error:
            self._roads.end(view, error)
        except TimeoutError:
            self._roads.end(view, errors.WorkerUnavailableError("the session's worker was not reached", 1.0))
        except Exception as error:
            log.exception("following a session failed")
            self._roads.end(view, errors.InternalError(f"following failed: {type(error).__name__}"))

    async def _follow_once(self, view: SessionView, life: str) -> None:
        opening = view.opening
        assert opening is not None
        view.hops += 1
        if view.hops > MAX_HOPS:
            raise errors.SessionMovedError(f"the session moved {MAX_HOPS} times while it was opened", 1.0)
        place = await self._capacity.whereis(life)
        if place is None:
            reached = Reached(view.channel, view.life, dead=life)
        else:
            reached = await self._roads.reach(opening.session_id, place)
        dead = reached.dead or opening.greeting.dead
        self._roads.open_again(view, reached, replace(opening.greeting, dead=dead))


class _Return:
    """The way back of all views of one lost link."""

    def __init__(
        self, capacity: CapacityBook, roads: Roads, trips: list[_Trip], pauses: Iterator[float]
    ) -> None:
        self._capacity = capacity
        self._roads = roads
        self._pauses = pauses
        self._left = set(trips)
        self._homeless = trips
        self._under_way: set[asyncio.Task[None]] = set()
        self._stirred = asyncio.Event()
        self._holders: dict[str, asyncio.Task[Place | None]] = {}

    async def run(self) -> None:
        """Until every view is back, or over."""
        try:
            async with asyncio.timeout(REATTACH_S):
                while self._homeless or self._under_way:
                    if self._homeless:
                        await asyncio.sleep(next(self._pauses))
                        await self._set_out()
                    else:
                        self._stirred.clear()
                        await self._stirred.wait()
        except TimeoutError:
            log.warning("%d views could not be brought back in %g s", len(self._left), REATTACH_S)
        except Exception:
            log.exception("bringing %d views back failed", len(self._left))
        finally:
            tasks = (*self._under_way, *self._holders.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for trip in self._left:
            why = f"the session's worker is lost, and it could not be opened elsewhere: {trip.error}"
            self._roads.end(trip.view, errors.LinkBrokenError(why))

    async def _set_out(self) -> None:
        """Ask where the homeless sessions go, once for each life that they were lost with."""
        homeless, self._homeless = self._homeless, []
        groups: dict[str, list[_Trip]] = {}
        for trip in homeless:
            if trip.view.over:
                self._left.discard(trip)
            else:
                groups.setdefault(trip.lost, []).append(trip)
        for lost, trips in groups.items():
            try:
                places = await self._capacity.relocate(list({trip.view.session_id for trip in trips}), lost)
                moved = any(place.life != lost for place in places.values())
                dead = lost if moved and await self._capacity.whereis(lost) is None else ""
            except errors.LumiLinkError as error:
                self._fail(trips, error)
            else:
                self._start(trips, places, dead)

    def _start(self, trips: list[_Trip], places: dict[str, Place], dead: str) -> None:
        loop = asyncio.get_running_loop()
        # Whoever waits for the outcome of a prompt comes first.
        for trip in sorted(trips, key=lambda trip: not trip.view.pending):
            trip.dead = dead or trip.dead
            place = places.get(trip.view.session_id)
            if place is None:
                self._fail([trip], errors.CapacityError("no worker has room for the session", 1.0))
                continue
            task = loop.create_task(self._travel(trip, place))
            self._under_way.add(task)
            task.add_done_callback(self._arrived)

    def _fail(self, trips: list[_Trip], error: errors.LumiLinkError) -> None:
        for trip in trips:
            trip.error = error
        self._homeless += trips

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._stirred.set()

    async def _travel(self, trip: _Trip, place: Place) -> None:
        """Open one view at a place. If that fails and may go better later, it is homeless again."""
        try:
            await self._chase(trip, place)
        except errors.LumiLinkError as error:
            if error.retryable and not isinstance(error, errors.SlowConsumerError):
                self._fail([trip], error)
                return
            self._roads.end(trip.view, error)
        except Exception as error:
            log.exception("bringing a view back failed")
            self._roads.end(trip.view, errors.InternalError(f"reattaching failed: {type(error).__name__}"))
        self._left.discard(trip)

    async def _chase(self, trip: _Trip, place: Place) -> None:
        for _ in range(MAX_HOPS):
            trip.lost = place.life
            channel = await self._roads.channel(place)
            if trip.view.over:
                return
            arrival = await self._attach(trip, channel, place.life)
            if arrival is None:
                return
            if isinstance(arrival, errors.LumiLinkError):
                raise arrival
            holder = await self._whereis(arrival)
            if holder is None:
                trip.dead = arrival
            else:
                place = holder
        raise errors.SessionMovedError(f"the session moved {MAX_HOPS} times while it was followed", 1.0)

    async def _attach(self, trip: _Trip, channel: Channel, life: str) -> Arrival:
        view = trip.view
        # No client can have guessed this id.
        attach_id = f"lumilink/{secrets.token_urlsafe(16)}"
        params = {"sessionId": view.session_id, "afterSeq": view.cursor}
        greeting = Greeting(
            method=ATTACH,
            request=compose.request(attach_id, ATTACH, params),
            client=view.owner.connection_id,
            installation=view.owner.installation,
            after_seq=view.cursor,
            reattach=True,
            role=view.role,
            turns=view.turns,
            status=view.status,
            pending=view.pending,
            dead=trip.dead,
        )
        view.attach_id = msgspec.json.encode(attach_id)
        arrival = self._roads.reopen(view, channel, life, greeting)
        try:
            return await arrival
        finally:
            if arrival.cancelled():
                self._roads.withdraw(view)

    async def _whereis(self, life: str) -> Place | None:
        """Asked once for all views that are sent to the same worker."""
        asking = self._holders.get(life)
        if asking is None:
            asking = asyncio.get_running_loop().create_task(self._capacity.whereis(life))
            self._holders[life] = asking
            asking.add_done_callback(lambda _: self._holders.pop(life, None))
        return await asyncio.shield(asking)


def _pauses(chance: Callable[[], float], *, at_once: bool) -> Iterator[float]:
    """Seconds before each attempt: doubling, half of each left to chance so that replicas do not meet."""
    if at_once:
        yield 0.0
    pause = FIRST_PAUSE_S
    while True:
        yield pause * (0.5 + chance() / 2)
        pause = min(2 * pause, LONGEST_PAUSE_S)
