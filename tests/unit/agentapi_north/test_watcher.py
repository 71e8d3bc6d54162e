"""One session as HTTP clients see it: prompts, questions, and what happens when it is out of reach."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import cast

import pytest
from msgspec import Raw
from session_double import ATTACH, FakeConnection, Session, put_in_place, until, watched

from actors import errors
from serve.agentapi import watcher as watcher_module
from serve.agentapi.watcher import Watcher

YES = {"outcome": {"outcome": "selected", "optionId": "yes"}}
PERMISSION = "session/request_permission"


@pytest.fixture
async def session(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Session]:
    put_in_place(monkeypatch)
    session = await watched()
    yield session
    await session.watcher.close()


def saying(session: Session, text: str = "hello", **how: object) -> asyncio.Task[None]:
    said = cast("Watcher", session.watcher).say(text, **how)  # type: ignore[arg-type]
    return asyncio.get_running_loop().create_task(said)


async def prompted(connection: FakeConnection, count: int = 1) -> dict[str, object]:
    """The newest prompt, once there are so many."""
    await until(lambda: len(connection.asked("session/prompt")) == count)
    return connection.asked("session/prompt")[-1]


def prompt_id(prompt: dict[str, object]) -> str:
    params = cast("dict[str, dict[str, dict[str, str]]]", prompt["params"])
    return params["_meta"]["lumilink"]["promptId"]


async def test_it_observes_until_someone_speaks_and_then_drives_from_where_it_is(session: Session):
    connection = session.connection
    connection.notifies("session/update", 7, update={})
    task = saying(session)
    prompt = await prompted(connection)
    connection.begins(8, prompt_id(prompt))
    await task

    first, second = (one["params"] for one in connection.asked(ATTACH))
    assert (first["afterSeq"], first["_meta"]["lumilink"]["role"]) == (0, "observer")
    assert (second["afterSeq"], second["_meta"]["lumilink"]["role"]) == (7, "driver")
    assert second["_meta"]["lumilink"]["turns"] is True


async def test_a_message_is_taken_once_its_turn_has_begun(session: Session):
    task = saying(session)
    prompt = await prompted(session.connection)
    session.connection.begins(1, "another's")
    await asyncio.sleep(0)
    assert not task.done()
    assert session.watcher.status == "running"
    session.connection.begins(2, prompt_id(prompt))
    await task


async def test_a_message_while_another_begins_is_refused_at_once(session: Session):
    task = saying(session)
    prompt = await prompted(session.connection)
    with pytest.raises(errors.AgentBusyError):
        await session.watcher.say("too early")
    session.connection.begins(1, prompt_id(prompt))
    await task
    with pytest.raises(errors.AgentBusyError):
        await session.watcher.say("still too early")


async def test_a_message_that_another_client_overtook_is_taken_back(session: Session):
    task = saying(session)
    prompt = await prompted(session.connection)
    session.connection.notifies("_lumilink/queued", sessionId="s", place=1)
    with pytest.raises(errors.AgentBusyError):
        await task
    [cancelled] = session.connection.asked("$/cancel_request")
    assert cancelled["params"]["requestId"] == prompt["id"]


async def test_a_message_that_may_wait_is_taken_when_it_waits(session: Session):
    session.connection.begins(1, "another's")
    task = saying(session, may_wait=True)
    await prompted(session.connection)
    session.connection.notifies("_lumilink/queued", sessionId="s", place=1)
    await task
    assert session.connection.asked("$/cancel_request") == []


async def test_what_a_prompt_fails_with_is_raised_and_a_repeat_is_a_new_one(session: Session):
    refusal = errors.AgentStartError("no licence").data()
    reply = {"code": -32010, "message": "no licence", "data": refusal}
    session.connection.replies["session/prompt"] = reply
    for count in (1, 2):
        with pytest.raises(errors.AgentStartError, match="no licence"):
            await session.watcher.say("hello", "key")
        assert len(session.connection.asked("session/prompt")) == count


async def test_an_error_of_the_agent_s_own_is_the_agent_s(session: Session):
    session.connection.replies["session/prompt"] = {"code": -32000, "message": "no credit"}
    with pytest.raises(errors.AgentProtocolError, match="no credit"):
        await session.watcher.say("hello")


async def test_a_full_queue_is_a_busy_agent_to_who_would_not_have_waited(session: Session):
    full = errors.PromptQueueFullError("16 prompts wait")
    reply = {"code": full.rpc_code, "message": full.detail, "data": full.data()}
    session.connection.replies["session/prompt"] = reply
    with pytest.raises(errors.AgentBusyError):
        await session.watcher.say("hello")
    with pytest.raises(errors.PromptQueueFullError):
        await session.watcher.say("hello", may_wait=True)


async def test_a_repeat_under_the_same_key_does_not_run_again(session: Session):
    task = saying(session, key="k")
    prompt = await prompted(session.connection)
    assert prompt_id(prompt) == "k"
    session.connection.begins(1, "k")
    await task
    await session.watcher.say("hello", "k")
    session.connection.ends(2)
    await session.watcher.say("hello", "k")
    assert len(session.connection.asked("session/prompt")) == 1


async def test_a_turn_that_does_not_begin_in_time_is_given_up(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watcher_module, "START_S", 0.01)
    with pytest.raises(errors.AgentTimeoutError):
        await session.watcher.say("hello")
    assert len(session.connection.asked("$/cancel_request")) == 1
    assert session.watcher.status == "stable"


async def test_a_question_is_open_until_it_is_decided(session: Session):
    session.connection.asks("sess/q1", PERMISSION, options=[])
    assert list(session.watcher.questions) == ["q1"]
    session.connection.notifies("$/cancel_request", 3, requestId="sess/q1")
    assert session.watcher.questions == {}


async def test_an_answer_is_taken_once_it_is_the_decision(session: Session):
    session.connection.asks("sess/q1", PERMISSION)
    deciding = asyncio.get_running_loop().create_task(
        session.watcher.decide("q1", Raw(json.dumps(YES).encode()))
    )
    await until(lambda: any("result" in one for one in session.connection.said))
    assert not deciding.done()
    about = {"lumilink": {"state": "answered", "outcome": YES}}
    session.connection.notifies("$/cancel_request", 3, requestId="sess/q1", _meta=about)
    await deciding


async def test_an_answer_that_came_second_is_refused(session: Session):
    await session.watcher.cancel()  # it drives
    session.connection.asks("sess/q1", PERMISSION)
    deciding = asyncio.get_running_loop().create_task(
        session.watcher.decide("q1", Raw(json.dumps(YES).encode()))
    )
    await until(lambda: any("result" in one for one in session.connection.said))
    about = {"lumilink": {"state": "answered", "outcome": {"outcome": {"outcome": "cancelled"}}}}
    session.connection.notifies("$/cancel_request", 3, requestId="sess/q1", _meta=about)
    with pytest.raises(errors.QuestionUnknownError):
        await deciding


async def test_an_answer_that_the_session_does_not_take_is_refused(session: Session):
    session.connection.asks("sess/q1", PERMISSION)
    deciding = asyncio.get_running_loop().create_task(session.watcher.decide("q1", Raw(b"{}")))
    await until(lambda: any("result" in one for one in session.connection.said))
    session.connection.notifies("_lumilink/notice", sessionId="s", code="question-unknown")
    with pytest.raises(errors.QuestionUnknownError):
        await deciding


async def test_a_question_that_nobody_asks_cannot_be_answered(session: Session):
    with pytest.raises(errors.QuestionUnknownError):
        await session.watcher.decide("q9", Raw(b"{}"))


async def test_files_and_terminals_are_refused(session: Session):
    session.connection.asks("sess/q2", "fs/read_text_file", path="/etc/passwd")
    [refused] = [one for one in session.connection.said if one.get("id") == "sess/q2"]
    assert refused["error"]["data"]["code"] == "method-not-found"
    assert session.watcher.questions == {}


async def test_what_is_not_current_says_so(session: Session):
    assert session.watcher.is_current
    session.connection.view.is_away = True
    assert not session.watcher.is_current


async def test_a_view_that_is_over_is_the_end_of_the_watcher(session: Session):
    ringing = asyncio.get_running_loop().create_task(session.watcher.rung(5.0))
    await asyncio.sleep(0)
    session.connection.is_lost(errors.SessionClosedError("closed"))
    assert await ringing
    with pytest.raises(errors.SessionClosedError):
        await session.watcher.ready(1.0)
    assert not session.watcher.is_current


async def test_every_message_gives_the_worker_its_credit_even_what_cannot_be_read(session: Session):
    view = session.connection.view
    before = view.taken
    session.connection.outlet.to_session(cast("object", view), b"[1]", 1)  # type: ignore[arg-type]
    session.connection.notifies("_lumilink/turn", 2, state=7)
    assert view.taken > before + 3


async def test_a_session_that_is_not_there_fails_whoever_waits(monkeypatch: pytest.MonkeyPatch):
    put_in_place(monkeypatch)
    gone = errors.SessionNotFoundError("no session")

    def refuse(connection: FakeConnection) -> None:
        connection.replies[ATTACH] = {"code": -32002, "message": gone.detail, "data": gone.data()}

    with pytest.raises(errors.SessionNotFoundError):
        await watched(refuse)
