"""An activation's mailbox and the one place where its messages are handled, one at a time.

Everything here is the hot path of a worker: a plain message costs one ``deliver`` and its share of
one ``take_turn``, with no task and no future.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from types import CoroutineType

from actors.errors import (
    ActorFailedError,
    ActorStoppedError,
    LumiLinkError,
    MailboxFullError,
    RequestCancelledError,
)
from actors.kernel.asks import Ask
from actors.kernel.identity import ActorId
from actors.kernel.ready import ReadyQueue
from actors.kernel.tasks import TaskSet, to_nobody

log = logging.getLogger("lumilink.kernel")


class Gate(Enum):
    """Whether messages get through to the actor."""

    SHUT = auto()  # they wait: the actor is not running
    OPEN = auto()
    BUSY = auto()  # they wait: the coroutine of one message has the floor
    ENDED = auto()  # they are refused


_OPEN = Gate.OPEN  # one lookup instead of two where it counts
_ENDED = Gate.ENDED


class Inbox:
    """Bounded FIFO mailbox plus dispatch to ``receive``.

    ``on_failure`` is told of every unexpected exception and has shut or ended the inbox on return.
    """

    __slots__ = (
        "_busy_with",
        "_entries",
        "_gate",
        "_on_failure",
        "_owed",
        "_queued",
        "_ready",
        "_receive",
        "_tasks",
        "capacity",
        "dead_letters",
        "expired",
        "handled",
        "high_water",
        "id",
        "last_active",
        "refused",
        "rejected",
    )

    def __init__(
        self,
        actor_id: ActorId,
        capacity: int,
        ready: ReadyQueue,
        tasks: TaskSet,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.id = actor_id
        self.capacity = capacity
        self.high_water = self.handled = self.rejected = self.refused = self.expired = self.dead_letters = 0
        self.last_active = 0.0
        self._ready = ready
        self._tasks = tasks
        self._on_failure = on_failure
        self._entries: deque[object] = deque()
        self._gate = Gate.SHUT
        self._queued = False  # in the ready queue
        self._receive: Callable[[object], object] = _not_open
        self._busy_with: asyncio.Future[object] | None = None
        self._owed: dict[asyncio.Future[object], list[Ask | None]] = {}  # None: a tell, no one to answer

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def quiet(self) -> bool:
        """Whether nothing waits, nothing is in hand and no reply is owed."""
        return self._gate is Gate.OPEN and not self._entries and not self._owed

    def owes(self, future: asyncio.Future[object]) -> bool:
        """Whether the outcome of ``future`` is the reply to a message."""
        return future in self._owed

    # ---------------------------------------------------------------- messages in

    def deliver(self, entry: object) -> None:
        """Accept a message or an Ask. MailboxFullError, ActorStoppedError."""
        gate = self._gate
        if gate is _ENDED:
            raise self._stopped()
        entries = self._entries
        depth = len(entries)
        if depth >= self.capacity:
            self.refused += 1
            raise MailboxFullError(f"{self.id} has {depth} messages waiting")
        entries.append(entry)
        if depth >= self.high_water:
            self.high_water = depth + 1
        if gate is _OPEN and not self._queued:
            self._queued = True
            self._ready.add(self)

    # ---------------------------------------------------------------- the gate

    def open(self, receive: Callable[[object], object], now: float) -> None:
        """Let messages through to ``receive``."""
        self._receive = receive
        self.last_active = now
        self._open()

    def shut(self) -> None:
        """Let messages wait: the actor restarts."""
        self._gate = Gate.SHUT
        self._receive = _not_open

    def end(self) -> None:
        """Refuse messages from now on, and end those that wait."""
        self._gate = Gate.ENDED
        self._receive = _not_open
        self._bury(self._entries)
        self._entries.clear()

    def disown(self) -> None:
        """The activation has ended, and can fail no more."""
        self._on_failure = to_nobody

    def interrupt(self) -> None:
        """End the messages that are in hand: their tasks are gone, no reply will come."""
        owed, self._owed, self._busy_with = self._owed, {}, None
        for messages in owed.values():
            self._bury(messages)

    def _open(self) -> None:
        self._gate = Gate.OPEN
        if self._entries and not self._queued:
            self._queued = True
            self._ready.add(self)

    def _bury(self, entries: Iterable[object]) -> None:
        letters = 0
        for entry in entries:
            if isinstance(entry, Ask):
                entry.refuse(self._interruption())
            else:
                letters += 1
        if letters:
            self.dead_letters += letters
            log.debug("%s left %d messages unhandled", self.id, letters)

    # ---------------------------------------------------------------- messages out

    def take_turn(self, limit: int, now: float) -> None:
        """Handle up to ``limit`` of the messages that wait; called by the ready queue."""
        self._queued = False
        if self._gate is not _OPEN:
            return
        self.last_active = now
        entries, receive = self._entries, self._receive
        for _ in range(min(limit, len(entries))):
            entry = entries.popleft()
            ask = None
            if type(entry) is Ask:
                if entry.ended:
                    self.expired += 1
                    continue
                ask, entry = entry, entry.message
            self.handled += 1
            try:
                result = receive(entry)
            except asyncio.CancelledError:
                self._bury((ask,))  # no task of ours: receive looked into one that was cancelled
            except Exception as error:  # noqa: BLE001 - told apart, answered and supervised there
                self._conclude_error(error, (ask,))
            else:
                if ask is not None or result is not None:
                    self._conclude(result, ask)
            if self._gate is not _OPEN:
                return  # it stopped or failed, or its coroutine has the floor
        if entries and not self._queued:
            self._queued = True
            self._ready.add(self)

    def _conclude(self, result: object, ask: Ask | None) -> None:
        if isinstance(result, CoroutineType):
            self._busy_with = result = self._tasks.start(result, "receive")
            if self._gate is Gate.OPEN:
                self._gate = Gate.BUSY
        if isinstance(result, asyncio.Future):
            if result not in self._owed:
                self._owed[result] = []
                result.add_done_callback(self._pay)
            self._owed[result].append(ask)
        elif ask is not None:
            ask.answer(result)

    def _pay(self, future: asyncio.Future[object]) -> None:
        """The outcome of a message that took longer than ``receive``."""
        error = None if future.cancelled() else future.exception()
        messages = self._owed.pop(future, None)
        if messages is None:
            return  # interrupted before; the instance that returned it is gone
        self.last_active = future.get_loop().time()
        if future.cancelled():
            self._bury(messages)
        elif error is not None:
            self._conclude_error(error, messages)
        else:
            for ask in messages:
                if ask is not None:
                    ask.answer(future.result())
        if future is self._busy_with:
            self._busy_with = None
            if self._gate is Gate.BUSY:
                self._open()

    def _conclude_error(self, error: BaseException, messages: Iterable[Ask | None]) -> None:
        """A LumiLinkError is the answer; anything else is a failure of the actor."""
        if isinstance(error, LumiLinkError):
            self._reject(error, messages)
            return
        for ask in messages:
            if ask is not None:
                ask.refuse(ActorFailedError(f"{self.id} failed: {type(error).__name__}"))
        if isinstance(error, Exception):
            self._on_failure(error)

    def _reject(self, rejection: LumiLinkError, messages: Iterable[Ask | None]) -> None:
        for ask in messages:
            self.rejected += 1
            if ask is not None:
                ask.refuse(rejection)
            else:
                log.debug("%s rejected a tell: %s", self.id, type(rejection).__name__)

    def _stopped(self) -> ActorStoppedError:
        return ActorStoppedError(f"{self.id} has stopped")

    def _interruption(self) -> LumiLinkError:
        """Why a message in hand gets no answer of its own."""
        match self._gate:
            case Gate.ENDED:
                return self._stopped()
            case Gate.SHUT:
                return ActorFailedError(f"{self.id} restarts; the message in hand is lost")
            case _:
                return RequestCancelledError(f"{self.id} cancelled its work on the message")


def _not_open(message: object) -> object:
    raise ActorStoppedError("a message reached an actor that is not running")
