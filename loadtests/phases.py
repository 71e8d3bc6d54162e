"""Two kinds of load: updates at a fixed rate whatever happens, and turn after turn at full speed."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from actors.errors import AgentClosedError, SettingsError
from loadtests.client_session import ClientSession, Tally
from loadtests.results import Latency, PhaseResult
from loadtests.watch import ProcessWatch, growth
from loadtests.wire import Frame, Orders

GRACE_S: Final = 10.0
"""How long after its schedule a phase waits for what has not arrived."""

_SETTLE_S: Final = 0.5
_TURN_UPDATES: Final = 50
_PROMPTS_A_PAUSE: Final = 10


class _Stop(msgspec.Struct, rename="camel"):
    stop_reason: str


@dataclass(frozen=True)
class OpenLoop:
    """Every session gets ``rate`` updates a second in one turn; measured for ``seconds``.

    The prompts are spread over the first second (or interval), so that the sessions' updates are spread too.
    """

    rate: float
    seconds: float

    @property
    def name(self) -> str:
        """What this phase is called in results."""
        return f"open {self.rate:g}/s"

    @property
    def ramp_s(self) -> float:
        """Over how long the prompts are spread."""
        return max(1.0, 1 / self.rate)

    async def run(self, sessions: Sequence[ClientSession], size: int, watch: ProcessWatch) -> PhaseResult:
        """Load ``sessions`` with updates of ``size`` bytes."""
        start = time.monotonic()
        window = start + self.ramp_s + _SETTLE_S
        tally = _share_tally(sessions, window, self.seconds)
        updates = math.ceil(self.rate * (window - start + self.seconds))
        orders = Orders(updates, 1 / self.rate, size)
        before = _Losses.of(sessions)
        turns = []
        for index, session in enumerate(sessions):
            if index % _PROMPTS_A_PAUSE == 0:
                await _sleep_until(start + self.ramp_s * index / len(sessions))
            turns.append(session.prompt(orders))
        cpu_s = await _measure(watch, window, self.seconds)
        await asyncio.wait(turns, timeout=window + self.seconds + self.ramp_s + GRACE_S - time.monotonic())
        offered = round(self.rate * self.seconds * len(sessions))
        losses = _Losses.of(sessions) - before
        return _result(self, tally, len(sessions), offered, Counter(map(_outcome, turns)), losses, cpu_s)


@dataclass(frozen=True)
class ClosedLoop:
    """The first ``sessions`` sessions prompt for 50 updates at full speed, one turn after the other.

    Measured for ``seconds``. Latency means little here: it is the depth of the queues on the way.
    """

    sessions: int
    seconds: float

    @property
    def name(self) -> str:
        """What this phase is called in results."""
        return f"closed {self.sessions}"

    async def run(self, sessions: Sequence[ClientSession], size: int, watch: ProcessWatch) -> PhaseResult:
        """Load the first of ``sessions`` with updates of ``size`` bytes."""
        chosen = sessions[: self.sessions]
        window = time.monotonic() + 2 * _SETTLE_S
        tally = _share_tally(chosen, window, self.seconds)
        orders = Orders(_TURN_UPDATES, 0, size)
        before = _Losses.of(chosen)
        until = window + self.seconds
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(_turn_after_turn(session, orders, until)) for session in chosen]
            cpu_s = await _measure(watch, window, self.seconds)
        turns = sum((loop.result() for loop in loops), Counter[str]())
        return _result(self, tally, len(chosen), None, turns, _Losses.of(chosen) - before, cpu_s)


Phase = OpenLoop | ClosedLoop


def parse_phase(text: str) -> Phase:
    """``open:RATE:SECONDS`` or ``closed:SESSIONS:SECONDS``; raises SettingsError."""
    try:
        kind, first, seconds = text.split(":")
        if kind == "open" and float(first) > 0 and float(seconds) > 0:
            return OpenLoop(float(first), float(seconds))
        if kind == "closed" and int(first) > 0 and float(seconds) > 0:
            return ClosedLoop(int(first), float(seconds))
    except ValueError as error:
        raise SettingsError(f"phase {text!r}: {error}") from None
    raise SettingsError(f"phase {text!r} is neither open:RATE:SECONDS nor closed:SESSIONS:SECONDS")


@dataclass(frozen=True)
class _Losses:
    missing: int
    doubled: int
    reordered: int

    @staticmethod
    def of(sessions: Sequence[ClientSession]) -> _Losses:
        return _Losses(
            sum(session.sequence.missing(session.ordered) for session in sessions),
            sum(session.sequence.doubled for session in sessions),
            sum(session.sequence.reordered for session in sessions),
        )

    def __sub__(self, before: _Losses) -> _Losses:
        return _Losses(
            max(0, self.missing - before.missing),
            self.doubled - before.doubled,
            self.reordered - before.reordered,
        )


def _share_tally(sessions: Sequence[ClientSession], start: float, seconds: float) -> Tally:
    tally = Tally(int(start * 1e9), int((start + seconds) * 1e9))
    for session in sessions:
        session.tally = tally
    return tally


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def _measure(watch: ProcessWatch, window: float, seconds: float) -> dict[str, float]:
    await _sleep_until(window)
    before = watch.cpu_s()
    await _sleep_until(window + seconds)
    return growth(before, watch.cpu_s())


async def _turn_after_turn(session: ClientSession, orders: Orders, until: float) -> Counter[str]:
    turns: Counter[str] = Counter()
    while time.monotonic() < until:
        turn = session.prompt(orders)
        await asyncio.wait([turn], timeout=until + GRACE_S - time.monotonic())
        outcome = _outcome(turn)
        turns[outcome] += 1
        if outcome != "end_turn":
            break
    return turns


def _outcome(turn: asyncio.Future[Frame]) -> str:
    if not turn.done():
        return "unanswered"
    error = turn.exception()
    if isinstance(error, AgentClosedError):
        return "connection lost"
    answer = turn.result()
    if answer.error is not None:
        return f"refused {answer.error.code}"
    return msgspec.json.decode(answer.result, type=_Stop).stop_reason


def _result(
    phase: Phase,
    tally: Tally,
    sessions: int,
    offered: int | None,
    turns: Counter[str],
    losses: _Losses,
    cpu_s: dict[str, float],
) -> PhaseResult:
    quantile = tally.latency.quantile_ms
    return PhaseResult(
        name=phase.name,
        sessions=sessions,
        seconds=phase.seconds,
        offered=offered,
        carried=tally.carried,
        latency=Latency(quantile(0.5), quantile(0.99), quantile(0.999), quantile(1.0)),
        missing=losses.missing,
        doubled=losses.doubled,
        reordered=losses.reordered,
        turns=dict(turns),
        cpu_s=cpu_s,
        agent_late_p99_ms=None,
    )
