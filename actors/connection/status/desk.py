"""Tells whoever asked for it the live status of one connection's sessions; no event ever waits for that."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import Final

import msgspec

from actors import errors
from actors.connection.attachment import Attachment
from actors.connection.messages import StatusDue
from actors.connection.port import AgentPort
from actors.connection.record import now_iso
from actors.connection.session import Session
from actors.connection.status.estimate import estimate
from actors.connection.status.reader import StatusReader
from actors.connection.status.shape import (
    Estimate,
    LinkStatus,
    Progress,
    SessionStatus,
    TurnState,
    TurnStatus,
    frame,
)
from actors.connection.status.times import TurnTimes
from actors.connection.table import SessionTable
from actors.kernel.actor import ActorContext
from actors.kernel.timers import Timer

GAP_S: Final = 0.25
"""Between two notifications of a session: four a second."""
GATHER_S: Final = 0.02
"""What changes within so short a time is told at once."""
HEARTBEAT_S: Final = 15.0
"""While a turn runs, it is told at least so often."""
AGAIN_S: Final = 1.0
"""A client that could not be told is told after so long, if it keeps up by then."""
FOLLOWED_S: Final = 60.0
"""For so long after somebody asked over HTTP a session is followed on."""

_numbers = itertools.count(1)


@dataclass(slots=True)
class _Followed:
    """A session whose events are read. ``said`` is what its watchers were told last, under ``number``."""

    reader: StatusReader
    asked_at: float
    said: tuple[object, ...] = ()
    number: int = 0
    told_at: float = float("-inf")
    due_at: float = 0.0
    timer: Timer | None = field(default=None, repr=False)


class StatusDesk:
    """Follows the sessions that somebody wants to know of, and no other. ``times`` are the workspace's."""

    def __init__(
        self, context: ActorContext, port: AgentPort, sessions: SessionTable, times: TurnTimes
    ) -> None:
        self._context = context
        self._port = port
        self._sessions = sessions
        self._times = times
        self._followed: dict[str, _Followed] = {}

    def look(self) -> None:
        """Somebody joined, or a session is there that was not."""
        for session in self._sessions:
            session.times.share(self._times)
            if _watchers(session):
                self._stir(session, self._follow(session))

    def stir(self) -> None:
        """The connection is in another state."""
        for session in self._sessions:
            followed = self._followed.get(session.session_id)
            if followed is not None:
                self._stir(session, followed)

    def describe(self, session: Session) -> bytes:
        """The status as JSON."""
        followed = self._follow(session)
        followed.asked_at = _now()
        self._tell_at(session, followed, followed.asked_at + FOLLOWED_S)
        return msgspec.json.encode(self._status(session, followed.reader))

    def due(self, session_id: str) -> None:
        """Tell the watchers of a session, unless nothing has changed and no heartbeat is due."""
        followed, session = self._followed.get(session_id), self._sessions.get(session_id)
        if followed is None:
            return
        if session is None:
            del self._followed[session_id]
            return
        followed.timer = None
        now, watchers = _now(), _watchers(session)
        if not watchers:
            self._go_on_alone(session, followed, now)
        elif now < followed.told_at + GAP_S:
            self._stir(session, followed)
        else:
            self._tell(session, followed, watchers, now)

    # ------------------------------------------------------------------ within

    def _follow(self, session: Session) -> _Followed:
        """From now on its events are read; of those before, what is in memory of them."""
        followed = self._followed.get(session.session_id)
        if followed is None or session.reader is not followed.reader:
            reader = StatusReader(lambda: self._stir_one(session.session_id))
            followed = self._followed[session.session_id] = _Followed(reader, _now())
            reader.take(session.history.after(0))
            session.reader = reader
        return followed

    def _go_on_alone(self, session: Session, followed: _Followed, now: float) -> None:
        """Nobody watches. Who asks over HTTP asks again and again."""
        end = followed.asked_at + FOLLOWED_S
        if now < end:
            self._tell_at(session, followed, end)
            return
        session.reader = None
        del self._followed[session.session_id]

    def _tell(self, session: Session, followed: _Followed, watchers: list[Attachment], now: float) -> None:
        runs, said = session.turns.running is not None, self._steady(session, followed.reader)
        if said != followed.said or (runs and now >= followed.told_at + HEARTBEAT_S):
            followed.said, followed.number = said, next(_numbers)
        behind = [one for one in watchers if one.status_told != followed.number]
        if behind:
            message = frame(self._status(session, followed.reader))
            followed.told_at = now
            told = [one.hint(message, followed.number) for one in behind]
            if not all(told):
                self._tell_at(session, followed, now + AGAIN_S)
        if runs:
            self._tell_at(session, followed, followed.told_at + HEARTBEAT_S)

    def _stir_one(self, session_id: str) -> None:
        session, followed = self._sessions.get(session_id), self._followed.get(session_id)
        if session is not None and followed is not None:
            self._stir(session, followed)

    def _stir(self, session: Session, followed: _Followed) -> None:
        if _watchers(session):
            at = max(_now() + GATHER_S, followed.told_at + GAP_S)
        else:
            at = followed.asked_at + FOLLOWED_S
        self._tell_at(session, followed, at)

    def _tell_at(self, session: Session, followed: _Followed, at: float) -> None:
        """Look at a session at this moment of the loop's clock, or earlier if that is due."""
        if followed.timer is not None:
            if followed.due_at <= at:
                return
            followed.timer.cancel()
        followed.due_at, followed.timer = at, None
        # An actor that ends still shows what was committed, and nobody is told of more.
        with contextlib.suppress(errors.ActorStoppedError):
            followed.timer = self._context.after(max(at - _now(), 0.0), StatusDue(session.session_id))

    # ------------------------------------------------------------------ what is said

    def _steady(self, session: Session, reader: StatusReader) -> tuple[object, ...]:
        """What is worth a notification when it changes: not what passes with time."""
        turn = session.turns.running
        return (
            self._port.state,
            self._port.protocol,
            session.turn_state,
            session.turns.count,
            turn is not None and turn.number,
            reader.progress(),
            reader.usage,
        )

    def _status(self, session: Session, reader: StatusReader) -> SessionStatus:
        turn, progress = _turn(session), reader.progress()
        return SessionStatus(
            session_id=session.session_id,
            at=now_iso(),
            connection=self._connection(),
            turn=turn,
            progress=progress,
            estimate=self._estimate(turn, progress),
            usage=reader.usage,
        )

    def _connection(self) -> LinkStatus:
        port, now = self._port, _now()
        found = port.health.snapshot(now)
        p95, heard = found.latency_p95_s, found.last_heard
        return LinkStatus(
            port.state.value,
            port.protocol.value,
            None if p95 is None else round(p95 * 1000, 1),
            None if heard is None else round((now - heard) * 1000),
        )

    def _estimate(self, turn: TurnStatus, progress: Progress | None) -> Estimate | None:
        if turn.elapsed_ms is None:
            return None
        done = 0.0
        if progress is not None and progress.total:
            done = (progress.completed or 0) / progress.total
        return estimate(self._times.took_ms(), turn.elapsed_ms, done)


def _turn(session: Session) -> TurnStatus:
    running, count = session.turns.running, session.turns.count
    if running is None:
        return TurnStatus(TurnState.IDLE, count or None)
    elapsed_s = session.clock.elapsed_s if running.number else None
    return TurnStatus(
        session.turn_state,
        running.number or count + 1,
        None if elapsed_s is None else session.clock.started_at,
        None if elapsed_s is None else round(elapsed_s * 1000),
    )


def _watchers(session: Session) -> list[Attachment]:
    return [one for one in session.attachments.values() if one.wants_status and not one.gone]


def _now() -> float:
    return asyncio.get_running_loop().time()
