"""The relay between an editor and a gateway that comes and goes: a state machine without I/O.

``Relay`` is told what happens (``connected``, ``lost``, a frame from either side) and says at once what is
to be sent. It promises, over any number of lost connections:

- every request of the editor is answered exactly once: prompts with the outcome of the one turn that they
  caused, other requests that a lost connection has swallowed with a retryable error;
- every update reaches the editor at most once, in order, and those made meanwhile are caught up;
- every question of the agent is shown once, and the editor's answer arrives.

Its phases::

    AWAY ──connected──► GREETING ──initialize answered──► ATTACHING ──all sessions attached──► LIVE
      ▲                                                                                         │
      └──────────────────────────── lost, from any phase ───────────────────────────────────────┘
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from enum import Enum, auto
from typing import Final, Protocol

import msgspec

from actors import errors
from actors.connection.roles import Role, role_of
from actors.protocol import compose
from actors.protocol.envelope import (
    DEFAULT_MAX_BYTES,
    Envelope,
    MessageKind,
    error_of,
    parse,
    request_id_of,
)
from topology.connect.cursors import Cursors
from topology.connect.questions import Asked, Questions
from topology.connect.readings import cancelled_id, is_reset, is_retryable, new_session_id
from topology.connect.requests import (
    ENDS,
    INITIALIZE,
    LOADS,
    MAKES,
    MAX_OPEN,
    PROMPT,
    EditorRequest,
    with_prompt_id,
)

log = logging.getLogger("lumilink.connect")

ATTACH: Final = "_lumilink/session/attach"
MAX_HELD: Final = 256
MAX_HELD_BYTES: Final = 1024 * 1024
MAX_REFUSALS: Final = 10

MAX_MESSAGE_BYTES: Final = DEFAULT_MAX_BYTES - 4096
"""The editor's messages may grow on the way, and must not be over the gateway's limit then."""


class Surroundings(Protocol):
    """What the relay acts on. Calls are plain functions and must not call the relay back."""

    def to_editor(self, frame: bytes) -> None:
        """Send a message to the editor."""

    def to_gateway(self, frame: bytes) -> None:
        """Send a message on the connection that was told of last; where that is gone, nowhere."""

    def went_live(self) -> None:
        """All that waited for the gateway is on its way to it."""

    def give_up(self, reason: str) -> None:
        """End the connection: it is of no use, another should be tried."""


class Phase(Enum):
    """How far the connection to the gateway is."""

    AWAY = auto()
    GREETING = auto()
    ATTACHING = auto()
    LIVE = auto()


class Relay:
    """One editor's conversation. ``name`` is unique: it is part of the ids that the relay makes itself."""

    def __init__(self, name: str, surroundings: Surroundings) -> None:
        self.phase = Phase.AWAY
        self._name = name
        self._numbers = itertools.count(1)
        self._to_editor = surroundings.to_editor
        self._to_gateway = surroundings.to_gateway
        self._surroundings = surroundings
        self._initialize: EditorRequest | None = None
        self._requests: dict[bytes, EditorRequest] = {}
        self._held: deque[tuple[bytes, EditorRequest | None]] = deque()
        self._held_bytes = 0
        self._greeting = b""
        self._attaching: dict[bytes, str] = {}
        self._cursors = Cursors()
        self._questions = Questions()

    @property
    def is_full(self) -> bool:
        """Whether as much waits for the gateway as is kept: time to stop reading from the editor."""
        return len(self._held) >= MAX_HELD or self._held_bytes >= MAX_HELD_BYTES

    @property
    def is_owing(self) -> bool:
        """Whether the editor still waits for an answer, or something of it for the gateway."""
        return bool(self._requests or self._held)

    # ------------------------------------------------------------------ the connection

    def connected(self) -> None:
        """A new connection is there. What the gateway knew of the old one is told again."""
        pending = next((r for r in self._requests.values() if r.method == INITIALIZE and r.is_sent), None)
        request = pending or self._initialize
        if request is None:
            self._live()
            return
        self.phase = Phase.GREETING
        if pending is not None:
            self._greeting = pending.message.raw_id
            self._to_gateway(pending.message.frame)
        else:
            own_id = self._own_id()
            self._greeting = msgspec.json.encode(own_id)
            self._to_gateway(request.under(own_id))

    def lost(self) -> None:
        """The connection ended. Prompts go on and are asked for again; other requests end here."""
        self.phase = Phase.AWAY
        self._greeting = b""
        self._attaching.clear()
        self._questions.lost()
        for raw_id, request in list(self._requests.items()):
            if not request.survives:
                error = errors.LinkBrokenError(f"the gateway went away before it answered {request.method}")
                self._settled(self._requests.pop(raw_id))
                self._to_editor(compose.error_response(request.message.echo_id, error))

    def _attach_all(self) -> None:
        self._greeting = b""
        self.phase = Phase.ATTACHING
        for session_id, session in self._cursors.attached():
            own_id = self._own_id()
            self._attaching[msgspec.json.encode(own_id)] = session_id
            params: dict[str, object] = {"sessionId": session_id, "afterSeq": session.seq}
            if session.role is not Role.DRIVER:
                params["_meta"] = {"lumilink": {"role": session.role}}
            self._to_gateway(compose.request(own_id, ATTACH, params))
        if not self._attaching:
            self._live()

    def _live(self) -> None:
        self.phase = Phase.LIVE
        for request in list(self._requests.values()):
            if request.is_sent and request.method == PROMPT:
                self._to_gateway(request.message.frame)
        while self._held:
            frame, held = self._held.popleft()
            self._held_bytes -= len(frame)
            self._send(frame, held)
        self._surroundings.went_live()

    # ------------------------------------------------------------------ from the editor

    def from_editor(self, frame: bytes) -> None:
        """Take one message of the editor; one that is none is answered with what is wrong with it."""
        try:
            message = parse(frame, max_bytes=MAX_MESSAGE_BYTES)
        except errors.ProtocolFault as error:
            self._to_editor(compose.error_response(request_id_of(error), error))
            return
        if message.kind is MessageKind.REQUEST:
            self._request(message)
        elif message.kind is MessageKind.NOTIFICATION:
            self._pass_on(message.frame, None)
        elif self._questions.answer(message.raw_id, message.frame):
            self._to_gateway(message.frame)

    def _request(self, message: Envelope) -> None:
        fault: errors.LumiLinkError | None = None
        if message.raw_id in self._requests:
            fault = errors.InvalidRequestError(f"id {message.id!r}: a request with this id is still open")
        elif len(self._requests) >= MAX_OPEN:
            fault = errors.MailboxFullError(f"{MAX_OPEN} requests are unanswered")
        if fault is not None:
            self._to_editor(compose.error_response(message.echo_id, fault))
            return
        if message.method == PROMPT:
            message = with_prompt_id(message, self._own_id())
        request = self._requests[message.raw_id] = EditorRequest(message)
        self._pass_on(message.frame, request)

    def _pass_on(self, frame: bytes, request: EditorRequest | None) -> None:
        if self.phase is Phase.LIVE:
            self._send(frame, request)
        else:
            self._held.append((frame, request))
            self._held_bytes += len(frame)

    def _send(self, frame: bytes, request: EditorRequest | None) -> None:
        if request is not None:
            request.is_sent = True
            session_id = request.message.session_id
            if request.method == PROMPT:
                self._cursors.prompted(request.message)
            elif request.method in LOADS and session_id is not None:
                self._cursors.load(session_id)
        self._to_gateway(frame)

    # ------------------------------------------------------------------ from the gateway

    def from_gateway(self, frame: bytes) -> None:
        """Take one message of the gateway."""
        try:
            message = parse(frame)
        except errors.ProtocolFault as error:
            log.warning("the gateway sent what is no message: %s", error)
            return
        if message.kind is MessageKind.REQUEST:
            self._question(message)
        elif message.kind is MessageKind.NOTIFICATION:
            self._notification(message)
        elif message.raw_id in self._attaching:
            self._attached(self._attaching.pop(message.raw_id), message)
        elif message.raw_id in self._requests:
            self._answer(self._requests.pop(message.raw_id), message)
        elif message.raw_id == self._greeting:
            self._greeted(message)

    def _notification(self, message: Envelope) -> None:
        if message.method == "session/update" and not self._cursors.is_new(message):
            return
        if message.method == "$/cancel_request":
            self._questions.withdraw(cancelled_id(message))
        self._to_editor(message.frame)

    def _question(self, message: Envelope) -> None:
        match self._questions.ask(message.raw_id, message.frame):
            case Asked.NEW:
                self._to_editor(message.frame)
            case Asked.ANSWERED:
                self._to_gateway(self._questions.answer_to(message.raw_id))
            case Asked.PENDING:
                pass

    def _answer(self, request: EditorRequest, message: Envelope) -> None:
        if message.kind is MessageKind.RESPONSE:
            self._note_success(request, message)
        self._settled(request)
        self._to_editor(message.frame)
        if message.raw_id == self._greeting:
            self._attach_all()

    def _note_success(self, request: EditorRequest, message: Envelope) -> None:
        session_id = request.message.session_id
        if request.method == INITIALIZE:
            self._initialize = request
        elif request.method in MAKES:
            session_id = new_session_id(message)
            if session_id is not None:
                self._cursors.attach(session_id, role_of(request.message))
        elif session_id is not None and request.method in LOADS:
            self._cursors.attach(session_id, role_of(request.message))
        elif session_id is not None and request.method in ENDS:
            self._cursors.forget(session_id)

    def _settled(self, request: EditorRequest) -> None:
        session_id = request.message.session_id
        if session_id is not None and request.method == PROMPT:
            self._cursors.answered(session_id, request.message.raw_id)
        elif session_id is not None and request.method in LOADS:
            self._cursors.loaded(session_id)

    def _greeted(self, message: Envelope) -> None:
        if message.kind is MessageKind.ERROR:
            self._abandon(f"the gateway refused initialize: {error_of(message).message}")
        else:
            self._attach_all()

    def _attached(self, session_id: str, message: Envelope) -> None:
        if message.kind is MessageKind.RESPONSE:
            self._cursors.reattached(session_id)
            if is_reset(message):
                log.warning("session %s: some updates are lost, the gateway no longer has them", session_id)
        elif self._cursors.refused(session_id) < MAX_REFUSALS and is_retryable(message):
            self._abandon(f"session {session_id} is not there yet: {error_of(message).message}")
            return
        else:
            log.warning("session %s cannot be gone on with: %s", session_id, error_of(message).message)
            self._cursors.forget(session_id)
        if not self._attaching:
            self._live()

    def _abandon(self, reason: str) -> None:
        """Try another connection: what is still to come on this one leads to nothing."""
        self._greeting = b""
        self._attaching.clear()
        self._surroundings.give_up(reason)

    def _own_id(self) -> str:
        return f"{self._name}/{next(self._numbers)}"
