"""The events of one session for one HTTP client, each with an id by which a later GET goes on after it.

What a GET was given need not have reached its client: some of it lies in sockets when a connection is lost.
``Last-Event-ID`` tells. If it is the newest that was given, the stream simply goes on. Otherwise the view
goes back there: the worker shows again what came after it, and the events that wait here are dropped. Answers
to the client's requests are no events: those that wait are held, and those that were given last are kept.
Each that the client has not seen is said again once what came before it has been shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from serve.ingress.event_stream import EventStream, on_one_line
from serve.ingress.resume_tokens import Position
from serve.ingress.views import Rewinding, SessionView

KEPT_ANSWERS: Final = 32
KEPT_BYTES: Final = 64 * 1024

_BEYOND_ALL: Final = Position(2**48)


class Rewind(Protocol):
    """How a view goes back; see ``WorkerLinks.rewind``."""

    def __call__(self, view: SessionView, after_seq: int, rewinding: Rewinding) -> None:
        """Show again what came after an event."""


class _Message(NamedTuple):
    """``position`` is where a client is that got it; None for what is neither event nor answer."""

    text: bytes
    view: SessionView
    position: Position | None = None
    is_answer: bool = False


class SessionStream(EventStream):
    """``sign`` makes ids of positions. How much can wait is bounded by the view's window.

    ``_newest`` is the position behind the newest message that was put in, ``_given`` that of the newest that
    a GET was given. While a position is ``_wanted``, the view cannot go there yet: it is not there, or it is
    being opened.
    """

    def __init__(self, sign: Callable[[Position], bytes], rewind: Rewind) -> None:
        super().__init__()
        self._sign = sign
        self._rewind = rewind
        self._view: SessionView | None = None
        self._waiting: deque[_Message] = deque()
        self._kept: deque[_Message] = deque()
        self._held: deque[_Message] = deque()
        self._newest = Position(0)
        self._given = Position(0)
        self._wanted: Position | None = None

    # ------------------------------------------------------------------ from the session

    def put(self, text: bytes, view: SessionView, seq: int) -> None:
        """Keep a message for the client; ``seq`` is that of the event, 0 for what is none."""
        self._see(view)
        if self._wanted is not None or 0 < seq <= self._newest.seq:
            # It will be shown once the view has gone back, or the client has it.
            view.passed(len(text))
        elif seq:
            self._say_held(before=seq)
            self._newest = Position(seq)
            self._add(_Message(text, view, self._newest))
        else:
            self._add(_Message(text, view))

    def put_answer(self, text: bytes, view: SessionView) -> None:
        """Keep the answer to a request for the client."""
        self._see(view)
        if self._wanted is not None:
            self._held.append(_Message(text, view, Position(view.cursor, 1), is_answer=True))
        else:
            self._add_answer(text, view)

    def opened(self, view: SessionView) -> None:
        """The client's request that opens the view is answered: now it can go where it is wanted."""
        self._see(view)
        if self._wanted is not None:
            self._go_back(view, self._wanted)

    # ------------------------------------------------------------------ from the client

    def go_on_after(self, position: Position, view: SessionView | None) -> None:
        """Give the next GET what came after a position. Without a view this waits for one."""
        self._wanted = position
        if view is None:
            self._drop_after(position)
            self._say_held()
        elif view is self._view:
            self._head_for(position, view)
        else:
            self._see(view)

    def forget_position(self) -> None:
        """The client wants all of the session."""
        self._wanted = None

    # ------------------------------------------------------------------ Rewinding

    def caught_up(self) -> None:
        """The worker has shown what it had shown before."""
        self._say_held()

    # ------------------------------------------------------------------ within

    def _see(self, view: SessionView) -> None:
        """Note where a view begins when it is first seen."""
        if view is self._view:
            return
        self._view = view
        self._say_held()
        resumes = view.opening is None or view.opening.greeting.method == "session/resume"
        self._newest = Position(0 if view.opening is None else view.opening.greeting.after_seq)
        # What a resume begins after is not known before it is answered; the past is not shown in any case.
        self._given = _BEYOND_ALL if resumes else self._newest
        if self._wanted is not None:
            self._head_for(self._wanted, view)

    def _head_for(self, position: Position, view: SessionView) -> None:
        if position >= self._given:
            self._wanted = None
            self._leave_out(position)
        elif view.opening is None:
            self._go_back(view, position)
        else:
            self._drop_after(position)
            self._given = _BEYOND_ALL

    def _leave_out(self, position: Position) -> None:
        """The client has all that it was given here, and maybe more from an earlier connection."""
        waiting, self._waiting = self._waiting, deque()
        self._kept.clear()
        self._newest, self._given = max(self._newest, position), position
        for message in waiting:
            if message.position is None or message.position > position:
                self._waiting.append(message)
            elif message.is_answer:
                self._waiting.append(message._replace(position=None))
            else:
                message.view.passed(len(message.text))

    def _go_back(self, view: SessionView, position: Position) -> None:
        self._wanted = None
        self._drop_after(position)
        self._rewind(view, position.seq, self)

    def _drop_after(self, position: Position) -> None:
        """Let go of what will be shown again, and hold the answers that the client does not have."""
        answers = [message for message in (*self._kept, *self._waiting) if message.is_answer]
        missed = [one for one in answers if one.position is None or one.position > position]
        self._held.extendleft(reversed(missed))
        for message in self._waiting:
            message.view.passed(len(message.text))
        self._kept.clear()
        self._waiting.clear()
        self._newest = self._given = position

    def _say_held(self, before: int | None = None) -> None:
        """Say the answers that were held, or those that belong before an event."""
        while self._held:
            text, view, position, _ = self._held[0]
            if before is not None and position is not None and position.seq >= before:
                return
            self._held.popleft()
            self._add_answer(text, view)

    def _add_answer(self, text: bytes, view: SessionView) -> None:
        self._newest = Position(self._newest.seq, self._newest.answers + 1)
        self._add(_Message(text, view, self._newest, is_answer=True))

    def _add(self, message: _Message) -> None:
        self._waiting.append(message)
        self._filled.set()

    def _take(self) -> bytes:
        """Everything that waits; the worker gets its credit."""
        chunk: list[bytes] = []
        waiting, self._waiting = self._waiting, deque()
        for message in waiting:
            text, view, position, is_answer = message
            if position is not None:
                chunk += (b"id: ", self._sign(position), b"\n")
                if view is self._view:
                    self._given = position
                if is_answer:
                    self._keep(message)
            chunk += (b"data: ", on_one_line(text), b"\n\n")
            view.passed(len(text))
        return b"".join(chunk)

    def _keep(self, answer: _Message) -> None:
        kept = self._kept
        kept.append(answer)
        while len(kept) > KEPT_ANSWERS or sum(len(one.text) for one in kept) > KEPT_BYTES:
            kept.popleft()
