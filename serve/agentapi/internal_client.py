"""A client of the gateway's own: speaks ACP to a session as any other does, and reads at once what comes."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors import errors
from actors.link.calls import error_from_wire
from actors.protocol import compose
from actors.protocol.envelope import RpcError
from actors.protocol.identifiers import new_connection_id
from serve.ingress.client import ClientConnection
from serve.ingress.gateway import Gateway
from serve.ingress.views import SessionView
from serve.rights import Identity

log = logging.getLogger("lumilink.agentapi")

INITIALIZE: Final = msgspec.json.encode(
    {
        "protocolVersion": 1,
        "clientCapabilities": {},
        "clientInfo": {"name": "lumilink-agentapi", "version": "1.0.0"},
    }
)
"""What the agents of sessions that are started over AgentAPI are told of their client."""

Answer = Raw | errors.LumiLinkError
"""A result, or what the request failed with."""


class Listener(Protocol):
    """Who the client listens for. Nothing here may wait or raise."""

    def notified(self, method: str, params: Raw, seq: int) -> None:
        """A notification; ``seq`` is that of the event, 0 for what is none."""

    def asked(self, request_id: Raw, method: str, params: Raw) -> None:
        """A request of the agent."""

    def attached(self) -> None:
        """The answer to a request that opens the view: what is open is asked again after it."""

    def ended(self, error: errors.LumiLinkError) -> None:
        """The view of the session is over."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request that was made, by its id; ``answer`` never raises but CancelledError."""

    number: int
    answer: asyncio.Future[Answer]


class _Frame(Struct):
    id: Raw | UnsetType = UNSET
    method: str = ""
    params: Raw = Raw(b"{}")
    result: Raw | UnsetType = UNSET
    error: RpcError | UnsetType = UNSET


class _ErrorData(Struct, rename="camel"):
    code: str = ""
    retry_after: float | None = None


_decode = msgspec.json.Decoder(_Frame).decode


class InternalClient:
    """One connection. What it is sent counts as taken as soon as its listener has it."""

    def __init__(self, gateway: Gateway, identity: Identity, listener: Listener) -> None:
        self._listener = listener
        self._numbers = itertools.count(1)
        self._calls: dict[bytes, asyncio.Future[Answer]] = {}
        self._connection = _Connection(new_connection_id(), identity, gateway, self)
        self._connection.initialize = INITIALIZE
        self._connection.listener = listener

    def view(self, session_id: str) -> SessionView | None:
        """The view of a session, if there is one."""
        return self._connection.views.get(session_id)

    def begin(self, method: str, params: object) -> Call:
        """Make a request. An answer that nobody waits for any more does no harm."""
        number = next(self._numbers)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        key = b"%d" % number
        self._calls[key] = answer
        answer.add_done_callback(lambda _: self._calls.pop(key, None))
        self._connection.take(compose.request(number, method, params))
        return Call(number, answer)

    async def ask(self, method: str, params: object, within_s: float) -> Raw:
        """Make a request and wait for its result. Raises what it failed with, or AskDeadlineError."""
        call = self.begin(method, params)
        try:
            async with asyncio.timeout(within_s):
                answer = await call.answer
        except TimeoutError:
            self.withdraw(call)
            raise errors.AskDeadlineError(f"no answer to {method} in {within_s:g} s", 1.0) from None
        if isinstance(answer, errors.LumiLinkError):
            raise answer
        return answer

    def withdraw(self, call: Call) -> None:
        """The answer is not wanted any more."""
        call.answer.cancel()
        self.tell("$/cancel_request", {"requestId": call.number})

    def tell(self, method: str, params: object) -> None:
        """Send a notification."""
        self._connection.take(compose.notification(method, params))

    def respond(self, request_id: Raw, outcome: Raw | errors.LumiLinkError) -> None:
        """Answer a request of the agent."""
        if isinstance(outcome, errors.LumiLinkError):
            self._connection.take(compose.error_response(request_id, outcome))
        else:
            self._connection.take(compose.response_raw(request_id, bytes(outcome)))

    async def close(self) -> None:
        """Let go of the session; it goes on."""
        await self._connection.close()
        for answer in list(self._calls.values()):
            answer.cancel()

    # ------------------------------------------------------------------ Outlet

    def to_connection(self, message: bytes) -> None:
        """A message on the connection itself."""
        self._take(message, 0)

    def to_session(self, view: SessionView, message: bytes, seq: int) -> None:
        """A message of the session."""
        self._take(message, seq)
        view.passed(len(message))

    def answered(self, view: SessionView, answer: bytes) -> None:
        """The answer to a request on the session."""
        self.to_session(view, answer, 0)

    def opened(self, view: SessionView, answer: bytes) -> None:
        """The answer to the request that opened the view."""
        self._listener.attached()
        self._take(answer, 0)

    def _take(self, message: bytes, seq: int) -> None:
        try:
            frame = _decode(message)
            if not frame.method:
                self._settle(frame)
            elif isinstance(frame.id, UnsetType):
                self._listener.notified(frame.method, frame.params, seq)
            else:
                self._listener.asked(frame.id, frame.method, frame.params)
        except (msgspec.DecodeError, RecursionError) as error:
            log.warning("a message of a session cannot be read: %s", type(error).__name__)

    def _settle(self, frame: _Frame) -> None:
        answer = None if isinstance(frame.id, UnsetType) else self._calls.get(bytes(frame.id))
        if answer is None or answer.done():
            return
        if not isinstance(frame.error, UnsetType):
            answer.set_result(_error_of(frame.error))
        else:
            answer.set_result(Raw(b"null") if isinstance(frame.result, UnsetType) else frame.result)


class _Connection(ClientConnection):
    """A client connection that tells when its view of the session is over."""

    listener: Listener

    def view_ended(self, view: SessionView, error: errors.LumiLinkError) -> None:
        """The view is over."""
        super().view_ended(view, error)
        self.listener.ended(error)


def _error_of(told: RpcError) -> errors.LumiLinkError:
    """The error of ours that an answer names; of an agent's own, that the agent failed."""
    try:
        data = _ErrorData() if told.data is UNSET else msgspec.json.decode(told.data, type=_ErrorData)
    except msgspec.ValidationError:
        data = _ErrorData()
    if told.code == errors.MethodNotFoundError.rpc_code:
        return errors.AgentCapabilityError(f"the agent does not know this: {told.message}")
    if not data.code:
        return errors.AgentProtocolError(f"the agent answered with an error: {told.message}")
    return error_from_wire(data.code, told.message, data.retry_after)
