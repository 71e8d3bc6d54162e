"""When the stub agent sends what: paced turns by one timer wheel, others as fast as the sockets take them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from loadtests.histogram import LatencyHistogram
from loadtests.wheel import TimerWheel
from loadtests.wire import Orders, update_template

_TICK_NS: Final = 1_000_000
_TICK_S: Final = 0.001
_BURST: Final = 8  # updates that an unpaced turn sends before it is another's turn


class Outlet(Protocol):
    """The socket of a turn: ``paused`` while its buffer is full."""

    paused: bool

    def write(self, payload: bytes) -> None:
        """Send one text frame."""


@dataclass(slots=True)
class StubSession:
    """One session of the stub agent; ``sent`` counts its updates over all turns."""

    session_id: str
    sent: int = 0
    turn: Turn | None = None


@dataclass(slots=True, eq=False)
class Turn:
    """One prompt being answered. ``finish`` is called with the stop reason, once."""

    session: StubSession
    outlet: Outlet
    template: bytes
    left: int
    interval_ns: int
    finish: Callable[[str], None]
    due_ns: int = 0
    held: bool = False
    over: bool = False

    def send(self, stamp_ns: int) -> None:
        """Send the next update, stamped with ``stamp_ns``."""
        session = self.session
        self.outlet.write(self.template % (stamp_ns, session.sent))
        session.sent += 1
        self.left -= 1

    def end(self, reason: str) -> None:
        """Send no more and let the session take its next prompt."""
        if not self.over:
            self.over = True
            self.session.turn = None
            self.finish(reason)


@dataclass
class Pacer:
    """Runs all turns of the process.

    An update is stamped when it is sent, but one that a full socket held back is stamped with the time at
    which it was due: waiting for the receiver belongs to the receiver's latency. ``lateness`` holds how far
    behind its schedule the agent itself was; ``held`` counts turns that a full socket stopped.
    """

    lateness: LatencyHistogram = field(default_factory=LatencyHistogram)
    held: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wheel: TimerWheel[Turn] = TimerWheel(time.monotonic_ns() // _TICK_NS)
        self._unpaced: deque[Turn] = deque()
        self._parked: dict[Outlet, list[Turn]] = {}
        self._ticking = False
        self._bursting = False

    def begin(
        self, session: StubSession, outlet: Outlet, orders: Orders, finish: Callable[[str], None]
    ) -> None:
        """Start a turn of ``session``; its first update is due at once."""
        template = update_template(session.session_id, orders.size)
        interval_ns = int(orders.interval * 1e9)
        turn = Turn(session, outlet, template, orders.updates, interval_ns, finish, time.monotonic_ns())
        session.turn = turn
        self._schedule(turn)

    def resume(self, outlet: Outlet) -> None:
        """Go on with the turns that ``outlet`` held back."""
        for turn in self._parked.pop(outlet, ()):
            self._schedule(turn)

    def _schedule(self, turn: Turn) -> None:
        if turn.interval_ns:
            self._wheel.add(turn, turn.due_ns // _TICK_NS)
            if not self._ticking:
                self._ticking = True
                self._loop.call_later(_TICK_S, self._tick)
        else:
            self._unpaced.append(turn)
            if not self._bursting:
                self._bursting = True
                self._loop.call_soon(self._burst)

    def _tick(self) -> None:
        for turn in self._wheel.advance(time.monotonic_ns() // _TICK_NS):
            self._catch_up(turn)
        self._ticking = len(self._wheel) > 0
        if self._ticking:
            self._loop.call_later(_TICK_S, self._tick)

    def _catch_up(self, turn: Turn) -> None:
        while turn.left and not turn.over:
            now = time.monotonic_ns()
            if turn.due_ns > now:
                turn.held = False
                self._wheel.add(turn, turn.due_ns // _TICK_NS)
                return
            if turn.outlet.paused:
                self._park(turn)
                return
            if not turn.held:
                self.lateness.record(now - turn.due_ns)
            turn.send(turn.due_ns if turn.held else now)
            turn.due_ns += turn.interval_ns
        turn.end("end_turn")

    def _burst(self) -> None:
        for _ in range(len(self._unpaced)):
            turn = self._unpaced.popleft()
            burst = min(_BURST, turn.left)
            while burst and not (turn.over or turn.outlet.paused):
                turn.send(time.monotonic_ns())
                burst -= 1
            if turn.over or not turn.left:
                turn.end("end_turn")
            elif turn.outlet.paused:
                self._park(turn)
            else:
                self._unpaced.append(turn)
        self._bursting = bool(self._unpaced)
        if self._bursting:
            self._loop.call_soon(self._burst)

    def _park(self, turn: Turn) -> None:
        turn.held = True
        self.held += 1
        self._parked.setdefault(turn.outlet, []).append(turn)
