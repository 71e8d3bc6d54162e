"""One client's view of one session, as its replica holds it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from actors import errors
from actors.link.channel import Channel
from actors.link.greeting import Greeting

CREDIT_FRAMES = 64
CREDIT_BYTES = 32 * 1024
MAX_WAITING = 64

Arrival = str | errors.LumiLinkError | None
"""What an attempt to bring a view back came to: None if it is back (or not wanted any more), the life of the
worker that holds the session's workspace, or what it failed with."""


class Rewinding(Protocol):
    """Who let a view go back, and is told how it goes."""

    def caught_up(self) -> None:
        """All that had been shown before has been shown again."""


class ViewOwner(Protocol):
    """The client connection that a view belongs to."""

    connection_id: str
    installation: str

    def view_data(self, view: SessionView, message: bytes, seq: int) -> None:
        """A message of the session; ``seq`` is that of the event, 0 for what is none."""

    def view_answer(self, view: SessionView, request_id: bytes, message: bytes) -> None:
        """The answer to one of the client's requests."""

    def view_cut(self, view: SessionView, error: errors.LumiLinkError) -> tuple[bytes, ...]:
        """The view lost its worker and is being brought back: only prompts go on waiting.

        Every other request on it is answered with ``error``. Returns the ids of the prompts.
        """

    def prompts_on(self, view: SessionView) -> tuple[bytes, ...]:
        """The ids of the prompts that a worker was told of on this view and has not answered."""

    def view_ended(self, view: SessionView, error: errors.LumiLinkError) -> None:
        """The view is over: refused, closed, or it could not be brought back."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The client's request that leads to a view: its id, the session it names, what the worker is told."""

    request_id: bytes
    session_id: str
    greeting: Greeting


class SessionView:
    """A client's attachment to a session.

    ``opening`` is there until the client's request is answered. ``cursor`` is the seq of the newest event
    that was passed to the client. ``life`` is that of the worker that it is, or was last, attached at.
    ``role`` is what the client asked to be in the session, ``turns`` and ``status`` whether it asked to be
    told of those.

    While it is *away*, because it lost its worker or goes back, what the client says waits here.
    """

    __slots__ = (
        "_frames",
        "_size",
        "_waiting",
        "arrival",
        "attach_id",
        "channel",
        "cursor",
        "hops",
        "life",
        "opening",
        "over",
        "owner",
        "pending",
        "rewinding",
        "role",
        "session_id",
        "status",
        "stream",
        "turns",
    )

    def __init__(
        self, owner: ViewOwner, session_id: str, opening: Opening, channel: Channel, life: str, stream: int
    ) -> None:
        self.owner = owner
        self.session_id = session_id
        self.opening: Opening | None = opening
        self.cursor = opening.greeting.after_seq
        self.role = opening.greeting.role
        self.turns = opening.greeting.turns
        self.status = opening.greeting.status
        self.channel = channel
        self.life = life
        self.stream = stream
        self.over = False
        self.hops = 0
        self.pending: tuple[bytes, ...] = ()
        self.attach_id = b""
        self.rewinding: Rewinding | None = None
        self.arrival: asyncio.Future[Arrival] | None = None
        self._waiting: list[bytes] | None = None
        self._frames = 0
        self._size = 0

    def send(self, message: bytes) -> None:
        """Pass a message of the client on to the worker.

        While the view is away it waits. Raises MailboxFullError if 64 messages wait already.
        """
        waiting = self._waiting
        if waiting is None:
            self.channel.send_data(self.stream, message)
        elif len(waiting) < MAX_WAITING:
            waiting.append(message)
        else:
            raise errors.MailboxFullError(
                f"{MAX_WAITING} messages wait until the session is back on a worker", 1.0
            )

    def passed(self, size: int) -> None:
        """The client's socket took a message of ``size`` bytes: give the worker credit now and then."""
        self._frames += 1
        self._size += size
        if self._frames >= CREDIT_FRAMES or self._size >= CREDIT_BYTES:
            self.channel.send_credit(self.stream, self._frames, self._size)
            self._frames = self._size = 0

    def cut(self, error: errors.LumiLinkError) -> None:
        """The worker is out of reach. Doing it twice is no harm."""
        if self._waiting is None:
            self.pending = self.owner.view_cut(self, error)
            # What is said from now on waits here, and no worker knows of it.
            self._waiting = []

    @property
    def is_away(self) -> bool:
        """Whether no worker has the view now, so that what the client says waits."""
        return self._waiting is not None

    def hold(self) -> None:
        """Another worker is to be told of the client's request: what else the client says waits."""
        if self._waiting is None:
            self._waiting = []

    def go_back(self, after_seq: int, rewinding: Rewinding) -> None:
        """The next worker that has it is to show what came after an event, which may be the same one."""
        self.cursor = after_seq
        self.rewinding = rewinding
        if self._waiting is None:
            self.pending = self.owner.prompts_on(self)
            self._waiting = []

    def put_on(self, channel: Channel, life: str, stream: int) -> None:
        """From now on this view is that stream of that link."""
        self.channel, self.life, self.stream = channel, life, stream
        self._frames = self._size = 0

    def resume(self) -> None:
        """The worker is there: say what has waited."""
        waiting, self._waiting = self._waiting, None
        for message in waiting or ():
            self.channel.send_data(self.stream, message)

    def settle(self, arrival: Arrival) -> None:
        """What became of the attempt that is under way, if there is one."""
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_result(arrival)
        self.arrival = None
