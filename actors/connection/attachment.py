"""One client's live view of a session, with a bounded window.

An attachment sends events as they happen while its window is open. Once the window is used up, or the
link is congested, it falls behind: it keeps only its position, and reads on from the history, and before
that from the journal, when the client has taken what it was sent. So nobody waits for a slow client, and
nothing is kept for it. It is never shown a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from actors import errors
from actors.connection.events import Event, EventKind, all_but
from actors.connection.history import History
from actors.connection.roles import Role
from actors.connection.turn_notices import STATES as TURN_STATES
from actors.connection.turn_notices import turn_notice
from actors.link.channel import Channel

WINDOW_FRAMES = 512
WINDOW_BYTES = 256 * 1024
MAX_PRIVATE = 256

_UPDATE: Final = EventKind.UPDATE


def _nobody(_ended: Attachment) -> None:
    """Nobody wants to know."""


class Attachment:
    """Created by the worker for a stream of a link; belongs to one session's connection actor.

    ``client`` is the id of the client's connection, which has one view of a session at a time. ``on_end`` is
    called when the session's side ends it, so that its stream can be forgotten. ``gone`` means that nothing
    is shown any more, whoever ended it. ``role`` is what the client is in the session. ``witness_of`` is the
    session whose turns it is told of, and its own prompts and decisions shown as everyone else's; empty if it
    did not ask for that. If it ``wants_status``, ``status_told`` numbers what it was told of that last.
    """

    __slots__ = (
        "_asked_from",
        "_frames",
        "_lagging",
        "_on_end",
        "_private",
        "_size",
        "channel",
        "client",
        "gone",
        "position",
        "role",
        "status_told",
        "stream",
        "wants_status",
        "witness_of",
    )

    def __init__(
        self,
        channel: Channel,
        stream: int,
        client: str,
        on_end: Callable[[Attachment], None] = _nobody,
        role: Role = Role.DRIVER,
        witness_of: str = "",
        *,
        wants_status: bool = False,
    ) -> None:
        self.channel = channel
        self.stream = stream
        self.client = client
        self.role = role
        self.witness_of = witness_of
        self.wants_status = wants_status
        self.status_told = 0
        self.position = 0
        self.gone = False
        self._on_end = on_end
        self._frames = WINDOW_FRAMES
        self._size = WINDOW_BYTES
        self._lagging = False
        self._asked_from = 0
        self._private: deque[tuple[int, bytes, bytes]] = deque()

    def start(self, position: int, asked_from: int) -> None:
        """Begin after event ``position``; ``catch_up`` shows what follows.

        Questions and decisions before ``asked_from`` are left out: the session asks those again that are
        still open.
        """
        self.position = position
        self._asked_from = asked_from
        self._lagging = True

    @property
    def is_lagging(self) -> bool:
        """Whether it reads from the history or the journal instead of live."""
        return self._lagging

    @property
    def has_room(self) -> bool:
        """Whether more can be shown now."""
        return not (self.gone or self._is_full())

    def offer(self, events: Iterable[Event]) -> None:
        """Send new events while the client keeps up; of the others remember nothing but the position.

        One that was read from the journal a moment before we were told of its commit is not sent again.
        """
        if self._lagging:
            return
        for event in events:
            if event.seq <= self.position:
                continue
            if self._frames <= 0 or self._size <= 0 or self.channel.congested:
                self._lagging = True
                return
            self._show(event)
            if self._private:
                self._say_up_to(event.seq)

    def say(self, request_id: bytes, message: bytes, after_seq: int) -> None:
        """Send what concerns this client alone, after event ``after_seq``.

        ``request_id`` is that of the request it answers, as JSON text; empty for a message of its own.
        A client that lets 256 of them wait is cut off.
        """
        if self.gone:
            return
        if not (self._lagging or self._private or self.position < after_seq or self._is_full()):
            self._send_private(request_id, message)
        elif len(self._private) < MAX_PRIVATE:
            self._lagging = self._lagging or self._is_full()
            self._private.append((after_seq, request_id, message))
        else:
            self.end(errors.SlowConsumerError(f"{MAX_PRIVATE} answers wait to be read"))

    def say_now(self, request_id: bytes, message: bytes) -> None:
        """Answer the request that opens or closes the view: it waits neither for a window nor for events."""
        if not self.gone:
            self._send_private(request_id, message)

    def hint(self, message: bytes, number: int) -> bool:
        """Tell a live status, which is worth nothing later: whether that was possible at once."""
        if self._lagging or self._private or self._is_full():
            return False
        self.status_told = number
        self._send_private(b"", message)
        return True

    def grant(self, frames: int, size: int) -> None:
        """The client has taken that much: widen the window again, never beyond what it was.

        A client that comes back takes what an earlier view of it was sent, too.
        """
        self._frames = min(self._frames + frames, WINDOW_FRAMES)
        self._size = min(self._size + size, WINDOW_BYTES)

    def catch_up(self, history: History) -> bool:
        """Read on from the history until the window is used up or the newest event is sent.

        False if the next event is no longer in it: ``show`` what the journal has first.
        """
        if self.gone:
            return True
        self._lagging = True
        if self.position + 1 < history.first_seq:
            return False
        self.show(history.after(self.position))
        if self.position >= history.last_seq:
            self._say_up_to(self.position)
            self._lagging = self._is_full()
        return True

    def show(self, events: Iterable[Event]) -> None:
        """Show the next events, as far as there is room."""
        for event in events:
            self._say_up_to(self.position)
            if self._is_full():
                return
            self._show(event)

    def end(self, error: errors.LumiLinkError) -> None:
        """Show nothing more, and tell the replica why. What still waits is not sent. Once is enough."""
        if self.gone:
            return
        self.leave()
        self.channel.send_close(self.stream, error)
        self._on_end(self)

    def give_way(self) -> None:
        """The client's connection has a new view of the session in its place."""
        self.leave()
        self._on_end(self)

    def leave(self) -> None:
        """The client has left: show nothing more and keep nothing for it."""
        self.gone = True
        self._lagging = True  # so that ``offer`` need not ask for more
        self._private.clear()

    def _is_full(self) -> bool:
        return self._frames <= 0 or self._size <= 0 or self.channel.congested

    def _show(self, event: Event) -> None:
        self.position = event.seq
        if event.kind is _UPDATE or self._is_shown(event):
            self._send(event.message, event.seq)
        elif self.witness_of and event.kind in TURN_STATES:
            self._send(turn_notice(self.witness_of, event), event.seq)

    def _send(self, message: bytes, seq: int) -> None:
        self._frames -= 1
        self._size -= len(message)
        self.channel.send_data(self.stream, message, seq)

    def _is_shown(self, event: Event) -> bool:
        kind = event.kind
        if kind is EventKind.PROMPT:
            # Who loads the conversation is shown what it said itself, too.
            is_own = event.concerns == self.client and not self.witness_of
            return not is_own or event.seq < self._asked_from
        # What was asked and told before this view began is over, or is asked again.
        if event.seq < self._asked_from:
            return False
        if kind is EventKind.QUESTION:
            return event.concerns in ("", self.client)
        if kind is EventKind.DECISION:
            told = event.concerns
            if told in ("", self.client):
                return True
            return told[0] == "!" and (bool(self.witness_of) or told != all_but(self.client))
        return kind is EventKind.NOTICE

    def _send_private(self, request_id: bytes, message: bytes) -> None:
        self._frames -= 1
        self._size -= len(message)
        if request_id:
            self.channel.send_answer(self.stream, request_id, message)
        else:
            self.channel.send_data(self.stream, message)

    def _say_up_to(self, seq: int) -> None:
        while self._private and self._private[0][0] <= seq and not self._is_full():
            _, request_id, message = self._private.popleft()
            self._send_private(request_id, message)
