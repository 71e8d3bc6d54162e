"""GitHub automation as a session sees it: asked for at a turn's end or by a client, and told of.

The workspace's automation actor does the work; see ``actors/automation``. Here it is asked, and a turn's
answer waits for it a while.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from msgspec import Raw, Struct

from actors import errors
from actors.automation.messages import AskApproval, AutomationNews
from actors.automation.order import (
    Order,
    Trigger,
    Wish,
    key_of_request,
    key_of_turn,
    subject_of,
    wish_beside_prompt,
    wish_of_params,
)
from actors.automation.outcome import Summary
from actors.automation.record import News
from actors.automation.words import NewsKind
from actors.connection import notices
from actors.connection.attachment import Attachment
from actors.connection.events import Asker
from actors.connection.notices import NoticeKind
from actors.connection.session import Session
from actors.connection.turns import Answered, Outcome, Turn, TurnEnd
from actors.kernel.actor import ActorContext
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, params_of
from actors.protocol.models import PromptParams

log = logging.getLogger("lumilink.connection")

METHOD: Final = "_lumilink/automation/run"
REQUEST_WAIT_S: Final = 4.0
"""So long a caller over HTTP waits for a run: workers have to answer within 5 s."""

_NAMED: Final = b'"automation"'
_KINDS: Final = {
    NewsKind.DONE: NoticeKind.AUTOMATION_DONE,
    NewsKind.SKIPPED: NoticeKind.AUTOMATION_SKIPPED,
    NewsKind.FAILED: NoticeKind.AUTOMATION_FAILED,
    NewsKind.DEFERRED: NoticeKind.AUTOMATION_DEFERRED,
    NewsKind.PULL_REQUEST: NoticeKind.AUTOMATION_PULL_REQUEST,
}


class AutomationDesk(Protocol):
    """The automations of the workspace, as its connections reach them."""

    @property
    def is_on(self) -> bool:
        """Whether turns end with a run, unless their prompt says otherwise."""

    @property
    def wait_s(self) -> float:
        """How long a turn's answer waits for its run, in seconds."""

    async def carry_out(self, order: Order, wait_s: float) -> Summary | None:
        """Have it done; None where it goes on after ``wait_s``. Raises what keeps it from being begun."""

    def session_loaded(self, session_id: str, after_seq: int) -> None:
        """A session is here, and has been told of all news up to ``after_seq``."""

    def session_closed(self, session_id: str) -> None:
        """A session is over for good."""

    def approved(self, key: str, *, ok: bool) -> None:
        """What people said to the changes of a run."""


class NoAutomation:
    """Where there is no automation: nothing is on, and nothing can be asked for."""

    is_on = False
    wait_s = 0.0

    async def carry_out(self, order: Order, wait_s: float) -> Summary | None:
        """See ``AutomationDesk.carry_out``."""
        raise errors.AgentCapabilityError("there is no GitHub automation here")

    def session_loaded(self, session_id: str, after_seq: int) -> None:
        """Nobody has news for it."""

    def session_closed(self, session_id: str) -> None:
        """Nobody has anything of it."""

    def approved(self, key: str, *, ok: bool) -> None:
        """Nobody asked."""


class _Result(Struct, rename="camel"):
    stop_reason: str = ""


class Automating:
    """The automation of one connection's sessions. ``ask_people`` asks them about the changes of a run."""

    def __init__(
        self,
        context: ActorContext,
        desk: AutomationDesk,
        ask_people: Callable[[Session, AskApproval], None],
    ) -> None:
        self._context = context
        self._desk = desk
        self._ask_people = ask_people

    # ------------------------------------------------------------------ a turn's end

    def order_of(self, session: Session, turn: Turn, outcome: Outcome) -> Order | None:
        """What is to be done after a turn that its agent has ended; None: nothing."""
        if not self._desk.is_on and not turn.wish.is_wanted:
            return None
        if outcome.end is not TurnEnd.COMPLETED or turn.prompt is None or not _is_end_of_turn(outcome):
            return None
        return Order(
            key_of_turn(session.session_id, turn.number),
            session.session_id,
            session.cwd,
            round(time.time() * 1000),
            Trigger.TURN,
            turn.number,
            subject_of(params_of(turn.prompt, PromptParams).prompt),
            turn.wish,
        )

    async def carry_out(self, session: Session, answered: Answered) -> Outcome:
        """Have it done, and say in the turn's answer what came of it, or that it goes on."""
        told = await self._told(session, answered.order, self._desk.wait_s)
        return with_automation(answered.outcome, told)

    # ------------------------------------------------------------------ what is asked for

    def request(self, session: Session, attachment: Attachment, message: Envelope) -> None:
        """``_lumilink/automation/run``: answered like a turn. Raises InvalidParamsError."""
        wish = wish_of_params(bytes(params_of(message, Raw)))
        asker = Asker(attachment.client, message.raw_id)
        key = key_of_request(session.session_id, asker.client, message.raw_id.decode())
        self._context.run(self._answer(session, asker, _asked(session, key, wish)), name="automation")

    async def _answer(self, session: Session, asker: Asker, order: Order) -> None:
        told = await self._told(session, order, self._desk.wait_s)
        session.answer(asker, compose.response(Raw(asker.request_id), told))

    async def run_once(self, session: Session, name: str, wish: Wish) -> bytes:
        """The same for a caller over HTTP, who is told sooner that it goes on; JSON."""
        order = _asked(session, key_of_request(session.session_id, "http", name), wish)
        return msgspec.json.encode(await self._told(session, order, REQUEST_WAIT_S))

    async def _told(self, session: Session, order: Order, wait_s: float) -> dict[str, object]:
        """The summary, or that it is pending, or what kept it from being begun."""
        try:
            summary = await self._desk.carry_out(order, wait_s)
        except errors.LumiLinkError as error:
            log.warning("no automation for session %s: %s", session.session_id, error)
            session.notice(
                notices.notice(NoticeKind.AUTOMATION_FAILED, toast="GitHub automation could not be begun."),
                message=f"GitHub automation could not be begun ({error.code}): {error.detail}",
                code=error.code,
            )
            return {"status": "error", "runId": order.run_id, "error": error.data()}
        if summary is None:
            return pending(order)
        told: dict[str, object] = msgspec.to_builtins(summary)
        return {name: value for name, value in told.items() if value is not None}

    # ------------------------------------------------------------------ what is told

    def loaded(self, session: Session) -> None:
        """A session was taken up: it may have missed something."""
        self._desk.session_loaded(session.session_id, session.automated)

    def closed(self, session: Session) -> None:
        """A session is over for good."""
        self._desk.session_closed(session.session_id)

    def take(self, session: Session, message: AutomationNews | AskApproval) -> None:
        """The automation has something for a session."""
        if isinstance(message, AskApproval):
            self._ask_people(session, message)
        elif message.news.seq > session.automated:
            session.tell_automation(message.news.seq, *_notice(message.news))

    def approved(self, key: str, answer: bytes) -> None:
        """What people said to the changes of a run: the result of a permission, or nothing of use."""
        self._desk.approved(key, ok=_is_allowed(answer))


def wish_of(meta: bytes) -> Wish:
    """What a prompt's ``_meta`` wishes. Raises InvalidParamsError."""
    return wish_beside_prompt(meta) if _NAMED in meta else Wish()


def pending(order: Order) -> dict[str, object]:
    """What is said of a run that goes on."""
    return {"status": "pending", "runId": order.run_id}


def with_automation(outcome: Outcome, told: dict[str, object]) -> Outcome:
    """The outcome with ``_meta.lumilink.automation`` in its result."""
    return Outcome(outcome.end, rewrite.with_result_meta(outcome.answer, {"automation": told}))


def left(answered: Answered) -> Outcome:
    """The outcome of a turn whose run nobody waits for any more."""
    return with_automation(answered.outcome, pending(answered.order))


def permission(session: Session, asking: AskApproval) -> bytes:
    """The request by which people are asked about the changes of a run."""
    content = {"type": "content", "content": {"type": "text", "text": f"```diff\n{asking.diff}\n```"}}
    params = {
        "sessionId": session.agent_id,
        "toolCall": {
            "toolCallId": f"automation/{asking.key}",
            "title": f"Push to GitHub: {asking.title}",
            "kind": "execute",
            "status": "pending",
            "content": [content],
        },
        "options": [
            {"optionId": "push", "name": "Push", "kind": "allow_once"},
            {"optionId": "leave", "name": "Do not push", "kind": "reject_once"},
        ],
        "_meta": {"lumilink": {"automation": {"key": asking.key}}},
    }
    return compose.request("automation", "session/request_permission", params)


class _Chosen(Struct, rename="camel"):
    outcome: str = ""
    option_id: str = ""


class _Permission(Struct):
    outcome: _Chosen = msgspec.field(default_factory=_Chosen)


class _Answer(Struct):
    result: _Permission = msgspec.field(default_factory=_Permission)


def _is_allowed(answer: bytes) -> bool:
    try:
        chosen = msgspec.json.decode(answer, type=_Answer).result.outcome
    except msgspec.DecodeError:
        return False
    return (chosen.outcome, chosen.option_id) == ("selected", "push")


def _asked(session: Session, key: str, wish: Wish) -> Order:
    at_ms = round(time.time() * 1000)
    subject = session.title or ""
    return Order(key, session.session_id, session.cwd, at_ms, Trigger.REQUEST, 0, subject, wish)


def _is_end_of_turn(outcome: Outcome) -> bool:
    result = msgspec.json.decode(outcome.answer, type=dict[str, Raw]).get("result", Raw(b"{}"))
    try:
        return msgspec.json.decode(result, type=_Result).stop_reason == "end_turn"
    except msgspec.ValidationError:
        return False


def _notice(news: News) -> tuple[notices.Notice, dict[str, object]]:
    more: dict[str, object] = {"message": news.note, **news.about}
    if news.summary_id:
        more["summaryId"] = news.summary_id
    return notices.notice(_KINDS[news.kind], toast=news.toast), more
