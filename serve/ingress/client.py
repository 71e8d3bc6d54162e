"""One client connection, whatever its transport: what it may say, and where it goes.

The client's frames come to ``take``; what is for it goes to its ``Outlet``. Requests that name a session
travel to that session's worker; the gateway answers the rest itself. Nothing here waits: what must, runs
as a task of the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Protocol

import msgspec

from actors import errors
from actors.metrics.faults import count_fault
from actors.protocol import compose, methods, rewrite
from actors.protocol.envelope import Envelope, MessageKind, params_of, parse, request_id_of
from actors.protocol.handshake import join_capabilities
from actors.protocol.models import CancelRequestParams, InitializeParams
from serve.ingress import opening, sessions
from serve.ingress.admissions import REFUSALS, Applicant
from serve.ingress.attached import read_attached
from serve.ingress.counting import count_opening
from serve.ingress.gateway import Gateway
from serve.ingress.views import SessionView
from serve.rights import Identity, Right, demand

log = logging.getLogger("lumilink.ingress")

MAX_PENDING = 1024
FIRST_WORD_S = 1.0
"""How long a POST with ``session/new`` waits for a refusal, which is its answer then."""
GATEWAY_REQUESTS = frozenset({"session/list", "authenticate", "logout"})


class Outlet(Protocol):
    """The transport's way to the client."""

    def to_connection(self, message: bytes) -> None:
        """A message on the connection itself."""

    def to_session(self, view: SessionView, message: bytes, seq: int) -> None:
        """A message of a session, whose event has this seq, or 0 if it is none.

        Once the client has taken it, ``view.passed`` is due.
        """

    def answered(self, view: SessionView, answer: bytes) -> None:
        """The answer to a request on a session; ``view.passed`` is due as well."""

    def opened(self, view: SessionView, answer: bytes) -> None:
        """The answer to the request that attached the client to a session."""


class ClientConnection:
    """State of one connection: what was agreed, which requests are open, which sessions are watched.

    ``identity`` is whom its messages come from.
    """

    def __init__(self, connection_id: str, identity: Identity, gateway: Gateway, outlet: Outlet) -> None:
        self.connection_id = connection_id
        self.identity = identity
        self.installation = identity.installation
        self.gateway = gateway
        self.initialize = b""
        self.views: dict[str, SessionView] = {}
        self.applicants: dict[bytes, Applicant] = {}
        self._first_words: dict[bytes, asyncio.Future[None]] = {}
        self._outlet = outlet
        self._pending: dict[bytes, tuple[str, SessionView | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------------ from the client

    def take(self, frame: bytes) -> None:
        """Handle one message of the client; what is wrong with it is told to the client alone."""
        try:
            message = parse(frame, max_bytes=self.gateway.settings.max_frame_bytes)
        except errors.ProtocolFault as error:
            count_fault(error)
            self.reply(compose.error_response(request_id_of(error), error))
            return
        try:
            if message.kind is MessageKind.REQUEST:
                self._request(message)
            elif message.kind is MessageKind.NOTIFICATION:
                self._notification(message)
            else:
                self._response(message)
        except errors.LumiLinkError as error:
            self.refuse(message, error)

    async def take_new(self, message: Envelope) -> None:
        """Handle a ``session/new`` whose refusal is not for the outlet, if it comes at once: it is raised.

        Raises RateLimitedError, QuotaExceededError, CapacityError or WorkerUnavailableError.
        """
        if message.raw_id in self._pending:
            self.take(message.frame)
            return
        first_word = self._first_words[message.raw_id] = asyncio.get_running_loop().create_future()
        try:
            self.take(message.frame)
            async with asyncio.timeout(FIRST_WORD_S):
                await first_word
        except TimeoutError:
            return
        finally:
            del self._first_words[message.raw_id]

    def heard(self, request_id: bytes) -> None:
        """A request for a new session was not refused at once."""
        first_word = self._first_words.get(request_id)
        if first_word is not None and not first_word.done():
            first_word.set_result(None)

    def _request(self, message: Envelope) -> None:
        method = message.method
        assert method is not None
        if message.raw_id in self._pending:
            # The first request with this id keeps it; only this one is refused.
            fault = errors.InvalidRequestError(f"id {message.id!r}: a request with this id is still open")
            count_fault(fault)
            self.reply(compose.error_response(message.echo_id, fault))
            return
        if len(self._pending) >= MAX_PENDING:
            raise errors.MailboxFullError(f"{MAX_PENDING} requests of this connection are unanswered")
        if method == "initialize":
            self._begin(message, self._initialize(message))
        elif not self.initialize:
            raise errors.NotInitializedError(f"{method} before initialize")
        elif method in GATEWAY_REQUESTS:
            demand(self.identity, Right.SESSIONS_READ)
            self._begin(message, sessions.answer(self, message))
        elif method in opening.METHODS:
            self._begin(message, opening.open_view(self, message))
        else:
            self._to_session(message)

    def _to_session(self, message: Envelope) -> None:
        row = methods.lookup(str(message.method))
        if row is None and not str(message.method).startswith("_"):
            raise errors.MethodNotFoundError(f"no method {message.method}")
        demand(self.identity, Right.SESSIONS_USE)
        view = self._view_of(message)
        self._pending[message.raw_id] = (str(message.method), view)
        view.send(message.frame)

    def _notification(self, message: Envelope) -> None:
        if message.method == "$/cancel_request":
            wanted = bytes(params_of(message, CancelRequestParams).request_id)
            _, view = self._pending.get(wanted, ("", None))
            if view is not None:
                view.send(message.frame)
            elif wanted in self.applicants:
                self.gateway.admissions.withdraw(self.applicants[wanted])
        elif self.initialize and message.session_id in self.views and self.identity.may(Right.SESSIONS_USE):
            self.views[message.session_id].send(message.frame)
        else:
            log.debug("notification %s without a session that is watched here", message.method)

    def _response(self, message: Envelope) -> None:
        """An answer to a question; the question's id begins with the session's."""
        demand(self.identity, Right.SESSIONS_USE)
        asked_by = str(message.id).rpartition("/")[0]
        view = self.views.get(asked_by)
        if view is None:
            fault = errors.QuestionUnknownError(f"no open request has the id {message.id!r}")
            self._outlet.to_connection(compose.notification("_lumilink/notice", _notice(fault)))
        else:
            view.send(message.frame)

    def _view_of(self, message: Envelope) -> SessionView:
        if message.session_id is None:
            raise errors.InvalidParamsError(f"params.sessionId: {message.method} needs the session it is for")
        view = self.views.get(message.session_id)
        if view is None:
            raise errors.SessionNotFoundError("this connection has no such session: load or resume it first")
        return view

    async def _initialize(self, message: Envelope) -> None:
        params_of(message, InitializeParams)
        profile = await self.gateway.agent_profile()
        try:
            result = join_capabilities(profile)
        except (errors.AgentProtocolError, errors.ProtocolMismatchError) as error:
            log.warning("the agent's capabilities are left out: %s", error)
            result = join_capabilities(None)
        self.initialize = bytes(msgspec.json.decode(message.frame, type=_ParamsOnly).params)
        self.settle(message.raw_id, compose.response(message.echo_id, result))

    # ------------------------------------------------------------------ to the client

    def reply(self, frame: bytes) -> None:
        """Send a message on the connection."""
        self._outlet.to_connection(frame)

    def refuse(self, message: Envelope, error: errors.LumiLinkError) -> None:
        """Answer a request with an error. Of what is no request, it is told if it is worth saying again."""
        first_word = self._first_words.get(message.raw_id)
        if first_word is not None and not first_word.done() and isinstance(error, REFUSALS):
            self._pending.pop(message.raw_id, None)
            count_opening(error)
            first_word.set_exception(error)
        elif message.kind is MessageKind.REQUEST:
            count_fault(error)
            if message.method in opening.METHODS:
                count_opening(error)
            self.settle(message.raw_id, compose.error_response(message.echo_id, error))
        elif error.retryable:
            self._outlet.to_connection(compose.notification("_lumilink/notice", _notice(error)))

    def settle(self, request_id: bytes, frame: bytes) -> None:
        """Send the answer to a request that the connection itself answers."""
        self._pending.pop(request_id, None)
        self.heard(request_id)
        self._outlet.to_connection(frame)

    def is_open(self, request_id: bytes) -> bool:
        """Whether a request still waits for its answer."""
        return request_id in self._pending

    # ------------------------------------------------------------------ ViewOwner

    def view_data(self, view: SessionView, message: bytes, seq: int) -> None:
        """A message of a session."""
        self._outlet.to_session(view, message, seq)

    def view_answer(self, view: SessionView, request_id: bytes, message: bytes) -> None:
        """An answer. Those that open a session belong to the connection, all others to the session."""
        if self._pending.pop(request_id, None) is None:
            # It was answered with an error when its worker was lost, and a request has one answer.
            view.passed(len(message))
        elif view.opening is not None and request_id == view.opening.request_id:
            count_opening(read_attached(message).error)
            self._outlet.opened(view, self._with_token(view, message))
            view.opening = None
            view.passed(len(message))
        else:
            self._outlet.answered(view, message)

    def _with_token(self, view: SessionView, answer: bytes) -> bytes:
        """The answer that attaches the client, with the token by which it can come back to this point."""
        attached = read_attached(answer)
        if attached.error is not None:
            return answer
        token = self.gateway.tokens.issue(self.installation, view.session_id, attached.seq)
        return rewrite.with_result_meta(answer, {"resumeToken": token})

    def view_cut(self, view: SessionView, error: errors.LumiLinkError) -> tuple[bytes, ...]:
        """The view lost its worker: prompts go on waiting for it, other requests have ended."""
        prompts = self.prompts_on(view)
        for request_id in self._waiting_on(view):
            if request_id not in prompts:
                count_fault(error)
                self.settle(request_id, compose.error_response(msgspec.Raw(request_id), error))
        return prompts

    def view_ended(self, view: SessionView, error: errors.LumiLinkError) -> None:
        """The view is over: every request that still waits on it is answered with the reason."""
        if self.views.get(view.session_id) is view:
            del self.views[view.session_id]
        waiting = self._waiting_on(view)
        for request_id in waiting:
            count_fault(error)
            if view.opening is not None and request_id == view.opening.request_id:
                count_opening(error)
            self.settle(request_id, compose.error_response(msgspec.Raw(request_id), error))
        if not waiting and not isinstance(error, errors.SessionClosedError):
            notice = {"sessionId": view.session_id, "kind": "session-ended", **_notice(error)}
            self._outlet.to_connection(compose.notification("_lumilink/notice", notice))

    def opens(self, message: Envelope, view: SessionView) -> None:
        """From now on the answer to ``message`` is awaited from ``view``."""
        old = self.views.get(view.session_id)
        self.views[view.session_id] = view
        self._pending[message.raw_id] = (str(message.method), view)
        if old is not None:
            self._carry_over(old, view)

    def prompts_on(self, view: SessionView) -> tuple[bytes, ...]:
        """The ids of the prompts that a worker was told of on this view and has not answered."""
        if view.is_away:
            return view.pending
        return tuple(one for one in self._waiting_on(view) if self._pending[one][0] == "session/prompt")

    def _waiting_on(self, view: SessionView) -> list[bytes]:
        return [request_id for request_id, (_, on) in self._pending.items() if on is view]

    def _carry_over(self, old: SessionView, view: SessionView) -> None:
        """The client opened a session anew: what it asked in its former view is answered in the new one."""
        over = errors.RequestCancelledError("the client opened the session anew")
        unsent = errors.LinkBrokenError("the session was opened anew before this could be sent")
        told = self.prompts_on(old)
        for request_id in self._waiting_on(old):
            if old.opening is not None and request_id == old.opening.request_id:
                self.settle(request_id, compose.error_response(msgspec.Raw(request_id), over))
            elif old.is_away and request_id not in told:
                self.settle(request_id, compose.error_response(msgspec.Raw(request_id), unsent))
            else:
                self._pending[request_id] = (self._pending[request_id][0], view)

    # ------------------------------------------------------------------ tasks

    def _begin(self, message: Envelope, work: Coroutine[object, object, None]) -> None:
        self._pending[message.raw_id] = (str(message.method), None)
        task = asyncio.get_running_loop().create_task(self._guard(message, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, message: Envelope, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except errors.LumiLinkError as error:
            self.refuse(message, error)
        except Exception as error:
            log.exception("%s failed", message.method)
            self.refuse(message, errors.InternalError(f"{message.method} failed: {type(error).__name__}"))

    async def close(self) -> None:
        """The connection ended; its sessions go on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for view in list(self.views.values()):
            self.gateway.links.close(view)
        self.views.clear()
        self._pending.clear()


def _notice(error: errors.LumiLinkError) -> dict[str, object]:
    return {"message": error.detail, **error.data()}


class _ParamsOnly(msgspec.Struct):
    params: msgspec.Raw = msgspec.Raw(b"{}")
