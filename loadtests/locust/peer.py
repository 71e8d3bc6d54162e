"""What the load's ACP clients have in common: ids, answers, updates, permissions, and what Locust is told.

Runs within Locust: its waits are gevent's.
"""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar, Final

from gevent import Greenlet, Timeout
from gevent.event import AsyncResult

from loadtests.locust.cursor import Cursor, Flaw
from loadtests.locust.messages import Message, cursor_of, read_message, session_of, waiting_request
from loadtests.wire import Orders, read_stamp, request, response

DEADLINE_S: Final = 30.0
CONNECTION_LOST: Final = "connection-lost"
_CLIENT: Final = {
    "protocolVersion": 1,
    "clientCapabilities": {},
    "clientInfo": {"name": "load", "version": "1"},
}
_ALLOWED: Final = {"outcome": {"outcome": "selected", "optionId": "yes"}}

Tell = Callable[[str, str, float, int, "FailedError | None"], None]
"""Tells Locust of an event: via, name, ms, bytes, and how it failed."""


class FailedError(Exception):
    """How an event failed; Locust groups failures by this text, so it is the error's code alone."""

    def __repr__(self) -> str:
        return str(self)


@dataclass
class Asked:
    """A request that waits for its answer, or for its end."""

    number: int
    method: str
    began_ns: int = field(default_factory=time.monotonic_ns)
    answer: AsyncResult[Message] = field(default_factory=AsyncResult)
    heard: bool = False


@dataclass(frozen=True)
class Place:
    """Where the gateway is (``http://host:port``), and a credential if it asks for one."""

    url: str
    credential: str = field(default="", repr=False)

    def headers(self) -> dict[str, str]:
        """What shows the credential."""
        return {"Authorization": f"Bearer {self.credential}"} if self.credential else {}


class AcpPeer(ABC):
    """A client with one session. ``expected`` are codes of errors that are no failures.

    All methods that ask raise FailedError where the answer is an error or does not come; Locust knows then.
    """

    via: ClassVar[str]

    def __init__(self, place: Place, tell: Tell, expected: frozenset[str] = frozenset()) -> None:
        self.place = place
        self.session_id = ""
        self.cursor = Cursor()
        self._tell = tell
        self._expected = expected
        self._ids: Iterator[int] = itertools.count(1)
        self._asked: dict[int | str | None, Asked] = {}
        self._ordered = 0
        self._prompted_ns = 0
        self._returned_ns = 0
        self._permitted_ns = 0

    # ------------------------------------------------------------------ what a transport does

    @abstractmethod
    def open(self) -> None:
        """Connect and initialize."""

    @abstractmethod
    def send(self, payload: bytes, method: str) -> None:
        """Send a message; raises FailedError."""

    @abstractmethod
    def hang_up(self) -> None:
        """Be gone without a word, as a client does that has lost its network."""

    @abstractmethod
    def come_back(self) -> None:
        """Take the session up again after the last event that was seen."""

    @abstractmethod
    def rejoin(self, turn: Asked, prompt_id: str, orders: Orders) -> Asked:
        """After ``come_back``: what waits for the end of the turn from now on."""

    @abstractmethod
    def leave(self) -> None:
        """End the connection for good."""

    # ------------------------------------------------------------------ sessions and turns

    def initialize(self) -> None:
        """``initialize``."""
        self.ask("initialize", _CLIENT)

    def new_session(self, cwd: str) -> None:
        """``session/new``."""
        answer = self.ask("session/new", {"cwd": cwd, "mcpServers": []})
        self.session_id = session_of(answer)

    def prompt(self, prompt_id: str, orders: Orders) -> Asked:
        """``session/prompt``; the turn runs on while its end is waited for by ``ended``."""
        self._prompted_ns = time.monotonic_ns()
        turn = self.start("session/prompt", self._prompt(prompt_id, orders))
        self._ordered += orders.updates
        return turn

    def _prompt(self, prompt_id: str, orders: Orders) -> dict[str, object]:
        blocks = [{"type": "text", "text": orders.text()}]
        meta = {"lumilink": {"promptId": prompt_id}}
        return {"sessionId": self.session_id, "prompt": blocks, "_meta": meta}

    def ended(self, turn: Asked, within_s: float) -> None:
        """Wait for the end of a turn; what of it is missing then is lost."""
        self.wait(turn, within_s)
        for _ in range(self.cursor.newly_lost(self._ordered)):
            self._tell(self.via, "update", 0.0, 0, FailedError(Flaw.LOST))

    def forget_turn(self) -> None:
        """A turn has failed: how much of it was sent nobody knows, so what is missing is not lost."""
        self._ordered = self.cursor.seen

    def close_session(self) -> None:
        """``session/close``."""
        self.ask("session/close", {"sessionId": self.session_id})

    # ------------------------------------------------------------------ asking

    def ask(self, method: str, params: object, within_s: float = DEADLINE_S) -> Message:
        """The answer to a request."""
        return self.wait(self.start(method, params), within_s)

    def start(self, method: str, params: object) -> Asked:
        """Send a request."""
        number = next(self._ids)
        asked = self._asked[number] = Asked(number, method)
        try:
            self.send(request(number, method, params), method)
        except FailedError as error:
            # Whoever reads may have lost the connection meanwhile, and told so.
            if self._asked.pop(number, None) is not None:
                self._told(asked, 0, str(error))
            raise
        return asked

    def wait(self, asked: Asked, within_s: float) -> Message:
        """The answer to a request that was sent."""
        try:
            answer: Message = asked.answer.get(timeout=within_s)
        except Timeout:
            error = FailedError("no-answer")
            self._asked.pop(asked.number, None)
            self.tell_time(asked.method, asked.began_ns, 0, error)
            raise error from None
        return answer

    def give_up(self) -> None:
        """The connection is gone by our own will: nobody waits for its answers."""
        self._asked.clear()

    def lose(self) -> None:
        """The connection is gone against our will: that is a failure, and all that is asked on it fails."""
        self._tell(self.via, "connection", 0.0, 0, FailedError(CONNECTION_LOST))
        asked, self._asked = self._asked, {}
        for one in asked.values():
            self._told(one, 0, CONNECTION_LOST)
            one.answer.set_exception(FailedError(CONNECTION_LOST))

    # ------------------------------------------------------------------ what comes

    def take(self, payload: bytes) -> None:
        """Take one message. The hot path."""
        message = read_message(payload)
        match message.method:
            case "session/update":
                self._updated(cursor_of(message), payload)
            case None:
                self._answered(message, payload)
            case "session/request_permission":
                self._permitted_ns = time.monotonic_ns()
                self.send(response(message.id, _ALLOWED), "")
            case "_lumilink/admission":
                self._first_word(self._asked.get(waiting_request(message)))

    def _updated(self, seq: int, payload: bytes) -> None:
        stamp = read_stamp(payload)
        if stamp is None:
            self.cursor.pass_by(seq)
            return
        sent_ns, number = stamp
        now = time.monotonic_ns()
        flaw = self.cursor.see(seq, number)
        if flaw is not None:
            self._tell(self.via, "update", 0.0, len(payload), FailedError(flaw))
            return
        name = "update" if sent_ns >= self._returned_ns else "update after return"
        self._tell(self.via, name, (now - sent_ns) / 1e6, len(payload), None)
        if self._permitted_ns:
            self.tell_time("session/request_permission", self._permitted_ns, 0)
        elif self._prompted_ns and name == "update":
            self.tell_time("first update", self._prompted_ns, 0)
        self._permitted_ns = self._prompted_ns = 0

    def _answered(self, message: Message, payload: bytes) -> None:
        asked = self._asked.pop(message.id, None)
        if asked is None:
            return
        self._told(asked, len(payload), message.code)
        if message.code:
            asked.answer.set_exception(FailedError(message.code))
        else:
            asked.answer.set(message)

    # ------------------------------------------------------------------ what Locust is told

    def tell_time(self, name: str, began_ns: int, length: int, error: FailedError | None = None) -> None:
        """An event that began then and is over now."""
        self._tell(self.via, name, (time.monotonic_ns() - began_ns) / 1e6, length, error)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """An event that is what the block does."""
        began_ns = time.monotonic_ns()
        try:
            yield
        except FailedError as error:
            self.tell_time(name, began_ns, 0, error)
            raise
        self.tell_time(name, began_ns, 0)

    def _told(self, asked: Asked, length: int, code: str) -> None:
        if code in self._expected:
            self._first_word(asked)
            self.tell_time(f"{asked.method}: {code}", asked.began_ns, length)
        else:
            self.tell_time(asked.method, asked.began_ns, length, FailedError(code) if code else None)

    def _first_word(self, asked: Asked | None) -> None:
        """A request without a place hears that it waits, or else that it is refused."""
        if asked is not None and not asked.heard:
            asked.heard = True
            self.tell_time(f"{asked.method}: first word", asked.began_ns, 0)

    def returned(self) -> None:
        """From now on what was sent before is told apart: its time is mostly the absence."""
        self._returned_ns = time.monotonic_ns()

    def watch(self, reader: Greenlet[..., None]) -> None:
        """Tell Locust if the reader of a connection fails for a reason of its own."""

        def failed(dead: Greenlet[..., None]) -> None:
            self._tell(self.via, "connection", 0.0, 0, FailedError(type(dead.exception).__name__))

        reader.link_exception(failed)
