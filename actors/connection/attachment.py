"""One client's live view of a session, with a bounded window.

An attachment sends events as they happen while its window is open. Once the window is used up, or the
link is congested, it falls behind: it keeps only its position, and reads on from the history when the
client has taken what it was sent. So nobody waits for a slow client, and nothing is kept twice for it.
One that falls behind what the history still has is ended, and told so: it is never shown a gap.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from actors import errors
from actors.connection.events import Event, EventKind
from actors.connection.history import History
from actors.link.channel import Channel

WINDOW_FRAMES = 512
WINDOW_BYTES = 256 * 1024
MAX_PRIVATE = 256

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class AttachmentStatistics:
    """A snapshot: where the client is, and how far behind."""

    position: int
    behind: int
    window_frames: int
    window_bytes: int


def _nobody(_ended: Attachment) -> None:
    """Nobody wants to know."""


class Attachment:
    """Created by the worker for a stream of a link; belongs to one session's connection actor.

    ``on_end`` is called when the session's side ends it, so that its stream can be forgotten. ``gone`` means
    that nothing is shown any more, whoever ended it.
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
        "number",
        "position",
        "stream",
    )

    def __init__(
        self, channel: Channel, stream: int, client: str, on_end: Callable[[Attachment], None] = _nobody
    ) -> None:
        self.number = next(_numbers)
        self.channel = channel
        self.stream = stream
        self.client = client
        self.position = 0
        self.gone = False
        self._on_end = on_end
        self._frames = WINDOW_FRAMES
        self._size = WINDOW_BYTES
        self._lagging = False
        self._asked_from = 0
        self._private: deque[tuple[int, bytes, bytes]] = deque()

    def start(self, history: History, position: int) -> None:
        """Show every event after ``position`` that is still kept, then what happens.

        Questions of the past are left out: the session asks those again that are still open.
        """
        self.position = max(position, history.first_seq - 1)
        self._asked_from = history.last_seq + 1
        self.catch_up(history)

    @property
    def is_lagging(self) -> bool:
        """Whether it reads from the history instead of live."""
        return self._lagging

    def offer(self, event: Event) -> None:
        """Send a new event if the client keeps up; else remember nothing but the position."""
        if self._lagging:
            return
        if self._frames <= 0 or self._size <= 0 or self.channel.congested:
            self._lagging = True
            return
        self._show(event)

    def say(self, request_id: bytes, message: bytes, after_seq: int) -> None:
        """Send what concerns this client alone, after event ``after_seq``.

        ``request_id`` is that of the request it answers, as JSON text; empty for a message of its own.
        A client that lets 256 of them wait is cut off.
        """
        if self.gone:
            return
        if not (self._lagging or self._is_full()):
            self._send_private(request_id, message)
        elif len(self._private) < MAX_PRIVATE:
            self._lagging = True
            self._private.append((after_seq, request_id, message))
        else:
            self.end(errors.SlowConsumerError(f"{MAX_PRIVATE} answers wait to be read"))

    def say_now(self, request_id: bytes, message: bytes) -> None:
        """Answer the request that opens or closes the view: it waits neither for a window nor for events."""
        if not self.gone:
            self._send_private(request_id, message)

    def grant(self, frames: int, size: int) -> None:
        """The client has taken that much: widen the window again."""
        self._frames += frames
        self._size += size

    def catch_up(self, history: History) -> None:
        """Read on from the history until the window is used up or the newest event is sent."""
        if self.gone:
            return
        if self.position + 1 < history.first_seq:
            self.end(errors.SlowConsumerError("the client fell behind what is kept of the session"))
            return
        self._lagging = True
        for event in history.after(self.position):
            self._say_up_to(self.position)
            if self._is_full():
                return
            self._show(event)
        self._say_up_to(history.last_seq)
        self._lagging = bool(self._private)

    def end(self, error: errors.LumiLinkError) -> None:
        """Show nothing more, and tell the replica why. What still waits is not sent. Once is enough."""
        if self.gone:
            return
        self.leave()
        self.channel.send_close(self.stream, error)
        self._on_end(self)

    def leave(self) -> None:
        """The client has left: show nothing more and keep nothing for it."""
        self.gone = True
        self._lagging = True  # so that ``offer`` need not ask for more
        self._private.clear()

    def statistics(self, history: History) -> AttachmentStatistics:
        """A frozen snapshot."""
        return AttachmentStatistics(self.position, history.last_seq - self.position, self._frames, self._size)

    def _is_full(self) -> bool:
        return self._frames <= 0 or self._size <= 0 or self.channel.congested

    def _show(self, event: Event) -> None:
        self.position = event.seq
        kind = event.kind
        message = event.message
        if kind is EventKind.UPDATE:
            self._spend(message)
            self.channel.send_data(self.stream, message)
        elif kind is EventKind.ANSWER:
            if event.concerns == self.number:
                self._send_private(event.request_id, message)
        elif kind is EventKind.PROMPT:
            if event.concerns != self.number:
                self._spend(message)
                self.channel.send_data(self.stream, message)
        elif event.seq >= self._asked_from and event.concerns in (None, self.number):
            self._spend(message)
            self.channel.send_data(self.stream, message)

    def _send_private(self, request_id: bytes, message: bytes) -> None:
        self._spend(message)
        if request_id:
            self.channel.send_answer(self.stream, request_id, message)
        else:
            self.channel.send_data(self.stream, message)

    def _spend(self, message: bytes) -> None:
        self._frames -= 1
        self._size -= len(message)

    def _say_up_to(self, seq: int) -> None:
        while self._private and self._private[0][0] <= seq and not self._is_full():
            _, request_id, message = self._private.popleft()
            self._send_private(request_id, message)
