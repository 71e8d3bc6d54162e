"""One session as the HTTP clients of this replica see it, by one client of our own that all of them share.

It observes the session, folding its events, until the first of them says something: from then on it drives.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec
from msgspec import Raw, Struct

from actors import errors
from actors.connection.questions import is_shared
from actors.connection.record import now_iso
from actors.connection.roles import Role
from actors.connection.turn_notices import METHOD as TURN
from actors.protocol.methods import ATTACHED
from actors.protocol.upload import UPLOAD, UploadResult
from serve.agentapi.conversation import RUNNING, STABLE, Conversation
from serve.agentapi.internal_client import Answer, Call, InternalClient
from serve.ingress.gateway import Gateway
from serve.ingress.reattaching import ATTACH
from serve.rights import Identity

log = logging.getLogger("lumilink.agentapi")

ATTACH_S: Final = 30.0
OPEN_S: Final = 120.0
START_S: Final = 90.0
"""How long a message waits for its turn to begin: an agent that sleeps is woken for it."""
DECIDE_S: Final = 10.0
CLOSE_S: Final = 30.0
UPLOAD_S: Final = 65.0
BUSY: Final = "message can only be sent when the agent is waiting for user input"
QUEUED: Final = "_lumilink/queued"


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """What the agent asks: ``params`` are those of its request, as JSON text."""

    question_id: str
    request_id: Raw
    method: str
    params: Raw


class _Begun(Enum):
    """What became of a prompt first."""

    RUNS = "runs"
    WAITS = "waits"
    ANSWERED = "answered"


class _TurnBegun(Struct, rename="camel"):
    state: str = ""
    prompt_id: str | None = None


class _Notice(Struct):
    code: str = ""


class _Reset(Struct):
    reset: bool = False


class _About(Struct):
    outcome: Raw = Raw(b"null")


class _Meta(Struct):
    lumilink: _About = msgspec.field(default_factory=_About)


class _Settled(Struct, rename="camel"):
    request_id: Raw = Raw(b"null")
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _New(Struct, rename="camel"):
    session_id: str


class Watcher:
    """Made by ``watch`` for a session that is there, by ``open_new`` for one that is not."""

    def __init__(self, gateway: Gateway, identity: Identity) -> None:
        self.session_id = ""
        self.conversation = Conversation(now_iso)
        self.questions: dict[str, OpenQuestion] = {}
        self.over: errors.LumiLinkError | None = None
        self._client = InternalClient(gateway, identity, self)
        self._role = Role.OBSERVER
        self._attaching: asyncio.Task[None] | None = None
        self._turning = asyncio.Lock()
        self._saying = asyncio.Lock()
        self._prompt_id: str | None = None
        self._begun: asyncio.Future[_Begun] | None = None
        self._deciding: dict[str, asyncio.Future[Raw]] = {}
        self._bell = asyncio.Event()
        self._hears: dict[str, Callable[[Raw, int], None]] = {
            "session/update": self.conversation.take_update,
            TURN: self._take_turn,
            QUEUED: self._take_queued,
            "_lumilink/notice": self._take_notice,
            "$/cancel_request": self._take_decision,
            ATTACHED: self._take_reset,
        }

    # ------------------------------------------------------------------ attaching

    def watch(self, session_id: str) -> None:
        """Begin to observe a session; ``ready`` tells when all of it is here."""
        self.session_id = session_id
        self._attaching = asyncio.get_running_loop().create_task(self._observe(), name="watch a session")

    async def open_new(self, params: dict[str, object]) -> None:
        """Start a session by ``session/new`` and drive it. Raises what that failed with."""
        meta = {"lumilink": {**_ours(params), **_about(Role.DRIVER)}}
        result = await self._client.ask("session/new", {**params, "_meta": meta}, OPEN_S)
        self.session_id = msgspec.json.decode(result, type=_New).session_id
        self._role = Role.DRIVER

    async def ready(self, within_s: float) -> bool:
        """Whether all of the session is here, at the latest after ``within_s``. Raises why it never will."""
        if self._attaching is not None:
            await asyncio.wait((self._attaching,), timeout=within_s)
        if self.over is not None:
            # Raised anew for each: an error that is raised again and again grows.
            raise type(self.over)(self.over.detail, self.over.retry_after_s)
        return self._attaching is None or self._attaching.done()

    @property
    def is_current(self) -> bool:
        """Whether what is known is how things are, and not on its way to another worker."""
        view = self._client.view(self.session_id)
        attached = self._attaching is None or self._attaching.done()
        return attached and self.over is None and view is not None and not view.is_away

    async def close(self) -> None:
        """Let go of the session; it goes on."""
        if self._attaching is not None:
            self._attaching.cancel()
            await asyncio.gather(self._attaching, return_exceptions=True)
        await self._client.close()
        self.ended(errors.RequestCancelledError("nobody used it"))

    async def _observe(self) -> None:
        try:
            await self._attach(Role.OBSERVER, 0)
        except errors.LumiLinkError as error:
            self.ended(error)

    async def _attach(self, role: Role, after_seq: int) -> None:
        meta = {"lumilink": _about(role)}
        params = {"sessionId": self.session_id, "afterSeq": after_seq, "_meta": meta}
        answer = await self._client.ask(ATTACH, params, ATTACH_S)
        if after_seq and msgspec.json.decode(answer, type=_Reset).reset:
            # What was trimmed has been shown anew, behind what is here.
            self.ended(errors.LinkBrokenError("the session's journal was trimmed a moment ago", 1.0))
        if self.over is not None:
            raise self.over
        self._role = role

    async def _drive(self) -> None:
        async with self._turning:
            if self._role is Role.DRIVER:
                return
            await self.ready(ATTACH_S)
            view = self._client.view(self.session_id)
            if view is None:
                raise errors.LinkBrokenError("the session was lost a moment ago", 1.0)
            await self._attach(Role.DRIVER, view.cursor)

    # ------------------------------------------------------------------ what clients say

    @property
    def status(self) -> str:
        """``running`` or ``stable``."""
        return RUNNING if self._saying.locked() else self.conversation.status

    async def say(self, text: str, key: str | None = None, *, may_wait: bool = False) -> None:
        """Prompt the agent; returns once its turn has begun or, if it ``may_wait``, is in the queue.

        A repeat of a prompt under the same ``key`` does not run again. Raises AgentBusyError, and whatever
        else kept the prompt from the agent.
        """
        if self._saying.locked() and not (may_wait or key):
            raise errors.AgentBusyError(BUSY)
        async with self._saying:
            await self._drive()
            if key is not None and key == self._prompt_id:
                return
            if self.conversation.status != STABLE and not (may_wait or key):
                raise errors.AgentBusyError(BUSY)
            await self._prompt(text, key or f"http-{secrets.token_hex(8)}", may_wait=may_wait)

    async def _prompt(self, text: str, prompt_id: str, *, may_wait: bool) -> None:
        begun: asyncio.Future[_Begun] = asyncio.get_running_loop().create_future()
        self._begun, self._prompt_id = begun, prompt_id
        params = {
            "sessionId": self.session_id,
            "prompt": [{"type": "text", "text": text}],
            "_meta": {"lumilink": {"promptId": prompt_id}},
        }
        call = self._client.begin("session/prompt", params)
        call.answer.add_done_callback(lambda _: _set(begun, _Begun.ANSWERED))
        try:
            async with asyncio.timeout(START_S):
                how = await begun
            if how is _Begun.WAITS and not may_wait:
                raise errors.AgentBusyError(BUSY)
            if how is _Begun.ANSWERED:
                _check(call.answer.result(), may_wait=may_wait)
        except TimeoutError:
            self._forget(call)
            raise errors.AgentTimeoutError(f"the turn did not begin within {START_S:g} s") from None
        except (errors.LumiLinkError, asyncio.CancelledError):
            self._forget(call)
            raise
        finally:
            self._begun = None

    def _forget(self, call: Call) -> None:
        """The prompt is not to run, or has failed: a repeat of it is a new one."""
        self._prompt_id = None
        if not call.answer.done():
            self._client.withdraw(call)

    async def cancel(self) -> None:
        """Cancel what runs and what waits."""
        await self._drive()
        self._client.tell("session/cancel", {"sessionId": self.session_id})

    async def upload(self, name: str, content: bytes) -> str:
        """Put a file where the agent runs; returns its path there.

        Raises AgentCapabilityError for an agent that has no way to take one.
        """
        await self._drive()
        params = {"sessionId": self.session_id, "name": name, "data": content}
        told = await self._client.ask(UPLOAD, params, UPLOAD_S)
        try:
            return msgspec.json.decode(told, type=UploadResult).file_path
        except msgspec.DecodeError:
            raise errors.AgentProtocolError(f"{UPLOAD}: expected filePath in the answer") from None

    async def decide(self, question_id: str, result: Raw) -> None:
        """Answer a question; returns once that is the decision. Raises QuestionUnknownError if it is not."""
        question = self.questions.get(question_id)
        if question is None:
            raise errors.QuestionUnknownError(f"no open question has the id {question_id!r}")
        await self._drive()
        decided = self._deciding.get(question_id)
        if decided is None:
            decided = self._deciding[question_id] = asyncio.get_running_loop().create_future()
        self._client.respond(question.request_id, result)
        try:
            async with asyncio.timeout(DECIDE_S):
                outcome = await asyncio.shield(decided)
        except TimeoutError:
            raise errors.AskDeadlineError(f"the decision was not confirmed in {DECIDE_S:g} s") from None
        finally:
            self._deciding.pop(question_id, None)
        if msgspec.json.decode(outcome) != msgspec.json.decode(result):
            raise errors.QuestionUnknownError("another answer was first")

    async def end_session(self) -> None:
        """``session/close``."""
        await self._drive()
        await self._client.ask("session/close", {"sessionId": self.session_id}, CLOSE_S)

    # ------------------------------------------------------------------ waiting

    async def rung(self, within_s: float) -> bool:
        """Wait until something happens; false if nothing does within ``within_s`` seconds."""
        try:
            async with asyncio.timeout(within_s):
                await self._bell.wait()
        except TimeoutError:
            return False
        return True

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    # ------------------------------------------------------------------ Listener

    def notified(self, method: str, params: Raw, seq: int) -> None:
        """Something happened in the session."""
        hear = self._hears.get(method)
        if hear is not None:
            hear(params, seq)
            self._ring()

    def asked(self, request_id: Raw, method: str, params: Raw) -> None:
        """The agent asks: what a person can decide waits for one, all else is not done here."""
        if not is_shared(method):
            why = f"{method}: the prompt came over HTTP, and no client there can do this"
            self._client.respond(request_id, errors.MethodNotFoundError(why))
            return
        named = str(msgspec.json.decode(request_id)).rpartition("/")[2]
        self.questions[named] = OpenQuestion(named, request_id, method, params)
        self._ring()

    def attached(self) -> None:
        """What is still open is asked again."""
        self.questions.clear()

    def ended(self, error: errors.LumiLinkError) -> None:
        """The view is over: whoever asks for the session next opens another."""
        if self.over is None:
            self.over = error
        self._ring()

    def _take_turn(self, params: Raw, seq: int) -> None:
        self.conversation.take_turn(params, seq)
        turn = msgspec.json.decode(params, type=_TurnBegun)
        if turn.state != "running":
            return
        if self._begun is None:
            self._prompt_id = turn.prompt_id
        elif turn.prompt_id == self._prompt_id:
            _set(self._begun, _Begun.RUNS)

    def _take_queued(self, _params: Raw, _seq: int) -> None:
        if self._begun is not None:
            _set(self._begun, _Begun.WAITS)

    def _take_decision(self, params: Raw, _seq: int) -> None:
        settled = msgspec.json.decode(params, type=_Settled)
        named = str(msgspec.json.decode(settled.request_id)).rpartition("/")[2]
        self.questions.pop(named, None)
        decided = self._deciding.pop(named, None)
        if decided is not None and not decided.done():
            decided.set_result(settled.meta.lumilink.outcome)

    def _take_notice(self, params: Raw, seq: int) -> None:
        self.conversation.take_notice(params, seq)
        if msgspec.json.decode(params, type=_Notice).code == errors.QuestionUnknownError.code:
            for decided in self._deciding.values():
                if not decided.done():
                    decided.set_result(Raw(b"null"))

    def _take_reset(self, params: Raw, _seq: int) -> None:
        if msgspec.json.decode(params, type=_Reset).reset:
            self.conversation.clear()


def _about(role: Role) -> dict[str, object]:
    return {"role": role.value, "turns": True}


def _ours(params: dict[str, object]) -> dict[str, object]:
    meta = params.get("_meta")
    ours = meta.get("lumilink") if isinstance(meta, dict) else None
    return ours if isinstance(ours, dict) else {}


def _set(begun: asyncio.Future[_Begun], how: _Begun) -> None:
    if not begun.done():
        begun.set_result(how)


def _check(answer: Answer, *, may_wait: bool) -> None:
    """Raise what the prompt failed with."""
    if isinstance(answer, errors.PromptQueueFullError) and not may_wait:
        raise errors.AgentBusyError(BUSY)
    if isinstance(answer, errors.LumiLinkError):
        raise answer
