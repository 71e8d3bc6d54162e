"""The relay, promise by promise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from connect_model import Scene, frame

from topology.connect.relay import MAX_HELD, MAX_HELD_BYTES, MAX_REFUSALS, Phase


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def session_id(scene: Scene) -> str:
    return scene.begin()


def sent(scene: Scene, method: str) -> list[dict[str, Any]]:
    return [message for message in scene.gateway.inbox if message.get("method") == method]


def test_before_the_first_connection_requests_wait_and_are_sent_once(scene: Scene) -> None:
    scene.editor(id=1, method="initialize", params={"protocolVersion": 1})
    scene.connect()
    assert scene.relay.phase is Phase.LIVE
    scene.settle()
    assert scene.answer(1)["result"] == {"protocolVersion": 1}


def test_after_a_loss_initialize_is_repeated_and_its_answer_swallowed(scene: Scene, session_id: str) -> None:
    scene.lose()
    scene.connect()
    [again] = sent(scene, "initialize")
    assert again["params"] == {"protocolVersion": 1}
    assert again["id"] != "init"
    seen = len(scene.seen)
    scene.settle()
    assert len(scene.seen) == seen
    assert scene.relay.phase is Phase.LIVE


def test_an_initialize_that_was_lost_is_answered_on_the_next_connection(scene: Scene) -> None:
    scene.connect()
    scene.editor(id=1, method="initialize", params={"protocolVersion": 1})
    scene.lose()
    assert scene.answers(1) == []
    scene.connect()
    scene.settle()
    assert "result" in scene.answer(1)


def test_every_session_is_attached_after_the_last_cursor_that_was_seen(scene: Scene, session_id: str) -> None:
    scene.gateway.stream(session_id, "one")
    scene.gateway.stream(session_id, "two")
    scene.settle()
    scene.lose()
    scene.connect()
    scene.gateway.take()
    scene.relay.from_gateway(scene.gateway.outbox.popleft())
    [attach] = sent(scene, "_lumilink/session/attach")
    assert attach["params"] == {"sessionId": session_id, "afterSeq": 3}


def test_an_editor_that_observes_a_session_comes_back_as_an_observer(scene: Scene, session_id: str) -> None:
    meta = {"lumilink": {"role": "observer"}}
    scene.editor(id=7, method="session/load", params={"sessionId": session_id, "cwd": "/", "_meta": meta})
    scene.settle()
    scene.lose()
    scene.connect()
    scene.gateway.take()
    scene.relay.from_gateway(scene.gateway.outbox.popleft())
    [attach] = sent(scene, "_lumilink/session/attach")
    assert attach["params"]["_meta"] == meta


def test_updates_made_meanwhile_are_caught_up_in_order(scene: Scene, session_id: str) -> None:
    scene.gateway.stream(session_id, "seen")
    scene.settle()
    scene.gateway.stream(session_id, "lost on the way")
    scene.lose()
    scene.gateway.stream(session_id, "made meanwhile")
    scene.connect()
    scene.settle()
    scene.gateway.stream(session_id, "live again")
    scene.settle()
    assert scene.texts(session_id) == ["seen", "lost on the way", "made meanwhile", "live again"]


def update(session_id: str, text: str, **meta: object) -> bytes:
    params = {"sessionId": session_id, "update": {"sessionUpdate": "x", "content": {"text": text}}, **meta}
    return frame({"method": "session/update", "params": params})


def test_an_update_that_was_seen_is_dropped_even_if_the_gateway_repeats_it(
    scene: Scene, session_id: str
) -> None:
    for seq in (1, 2, 2, 1, 3):
        scene.relay.from_gateway(update(session_id, str(seq), _meta={"lumilink": {"seq": seq}}))
    assert scene.texts(session_id) == ["1", "2", "3"]


@pytest.mark.parametrize("meta", [{}, {"_meta": None}, {"_meta": {"lumilink": "odd"}}, {"_meta": {"x": 1}}])
def test_updates_without_a_cursor_pass(scene: Scene, session_id: str, meta: dict[str, object]) -> None:
    for _ in range(2):
        scene.relay.from_gateway(update(session_id, "same", **meta))
    assert scene.texts(session_id) == ["same", "same"]


def test_the_editors_own_words_are_not_shown_to_it_by_a_replay(scene: Scene, session_id: str) -> None:
    scene.prompt(7, session_id, "my words")
    scene.gateway.take()
    scene.lose()
    scene.connect()
    scene.settle()
    assert scene.texts(session_id) == []
    scene.gateway.finish(session_id, next(iter(scene.gateway.sessions[session_id].running)))
    scene.settle()
    assert "result" in scene.answer(7)


def test_the_same_words_from_another_client_are_shown(scene: Scene, session_id: str) -> None:
    scene.prompt(7, session_id, "ok")
    scene.settle()
    scene.gateway.finish(session_id, next(iter(scene.gateway.sessions[session_id].running)))
    scene.gateway.stream(session_id, "done")
    words = {"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": "ok"}}
    scene.gateway._publish(session_id, words, 0)
    scene.settle()
    assert scene.texts(session_id) == ["done", "ok"]


def test_a_load_shows_the_whole_session_again_but_not_what_was_on_its_way(
    scene: Scene, session_id: str
) -> None:
    scene.prompt(7, session_id, "question")
    scene.settle()
    scene.gateway.stream(session_id, "answer")
    scene.settle()
    scene.gateway.stream(session_id, "late")
    scene.lose()
    scene.connect()
    scene.settle()
    scene.seen.clear()
    scene.editor(id="load", method="session/load", params={"sessionId": session_id})
    scene.settle()
    assert scene.texts(session_id) == ["question", "answer", "late"]
    assert "result" in scene.answer("load")
    scene.relay.from_gateway(update(session_id, "old", _meta={"lumilink": {"seq": 1}}))
    assert len(scene.texts(session_id)) == 3


def test_a_prompt_gets_an_id_of_its_own_beside_what_the_editor_put_there(
    scene: Scene, session_id: str
) -> None:
    meta = {"trace": "t", "lumilink": {"tag": 1}}
    params = {"sessionId": session_id, "prompt": [], "_meta": meta}
    scene.editor(id=1, method="session/prompt", params=params)
    scene.editor(id=2, method="session/prompt", params=params)
    first, second = (message["params"]["_meta"] for message in sent(scene, "session/prompt"))
    assert first["trace"] == "t"
    assert first["lumilink"]["tag"] == 1
    assert first["lumilink"]["promptId"] != second["lumilink"]["promptId"]


def test_a_prompt_id_of_the_editor_stays(scene: Scene, session_id: str) -> None:
    meta = {"lumilink": {"promptId": "mine"}}
    params = {"sessionId": session_id, "prompt": [], "_meta": meta}
    scene.editor(id=1, method="session/prompt", params=params)
    [prompt] = sent(scene, "session/prompt")
    assert prompt["params"]["_meta"]["lumilink"] == {"promptId": "mine"}


def test_a_prompt_in_flight_is_asked_for_again_once_the_session_is_attached(
    scene: Scene, session_id: str
) -> None:
    scene.prompt(7, session_id)
    [first] = sent(scene, "session/prompt")
    scene.lose()
    scene.connect()
    assert sent(scene, "session/prompt") == []
    while scene.relay.phase is not Phase.LIVE:
        scene.gateway.take()
        while scene.gateway.outbox:
            scene.relay.from_gateway(scene.gateway.outbox.popleft())
    assert sent(scene, "session/prompt") == [first]


def test_other_requests_in_flight_get_a_retryable_error_at_once(scene: Scene, session_id: str) -> None:
    scene.editor(id=7, method="session/list", params={})
    scene.lose()
    error = scene.answer(7)["error"]
    assert error["code"] == -32010
    assert error["data"]["retryable"] is True


def test_what_the_editor_says_meanwhile_is_sent_after_the_prompts_that_were_in_flight(
    scene: Scene, session_id: str
) -> None:
    scene.prompt(7, session_id)
    scene.lose()
    scene.editor(method="session/cancel", params={"sessionId": session_id})
    scene.connect()
    scene.gateway.take()
    scene.relay.from_gateway(scene.gateway.outbox.popleft())
    scene.gateway.take()
    scene.relay.from_gateway(scene.gateway.outbox.popleft())
    assert [message["method"] for message in scene.gateway.inbox] == ["session/prompt", "session/cancel"]


def test_what_waits_for_the_gateway_is_bounded_in_number_and_size(scene: Scene) -> None:
    for _ in range(MAX_HELD - 1):
        scene.editor(method="_note")
    assert not scene.relay.is_full
    scene.editor(method="_note")
    assert scene.relay.is_full
    scene.connect()
    assert not scene.relay.is_full
    scene.lose()
    scene.editor(method="_note", params={"text": "x" * MAX_HELD_BYTES})
    assert scene.relay.is_full


def test_a_question_is_shown_once_and_answered_as_soon_as_it_is_asked_again(
    scene: Scene, session_id: str
) -> None:
    question = scene.gateway.ask(session_id)
    scene.settle()
    scene.lose()
    scene.connect()
    scene.editor(id=question, result={"outcome": "yes"})
    assert all("method" in message for message in scene.gateway.inbox)
    scene.settle()
    assert scene.questions() == [question]
    assert scene.gateway.answers == {question: [{"outcome": "yes"}]}


def test_an_answer_that_was_lost_is_given_again_without_the_editor(scene: Scene, session_id: str) -> None:
    question = scene.gateway.ask(session_id)
    scene.settle()
    scene.editor(id=question, result={"outcome": "yes"})
    scene.lose()
    scene.connect()
    scene.settle()
    assert scene.questions() == [question]
    assert scene.gateway.answers == {question: [{"outcome": "yes"}]}


def test_a_question_that_the_editor_still_has_is_not_shown_again(scene: Scene, session_id: str) -> None:
    question = scene.gateway.ask(session_id)
    scene.settle()
    scene.lose()
    scene.connect()
    scene.settle()
    assert scene.questions() == [question]
    scene.editor(id=question, result={"outcome": "no"})
    scene.settle()
    assert scene.gateway.answers == {question: [{"outcome": "no"}]}


def test_an_old_answer_is_never_given_to_a_new_question_under_the_same_id(
    scene: Scene, session_id: str
) -> None:
    ask: dict[str, Any] = {"id": "s/q1", "method": "session/request_permission"}
    scene.relay.from_gateway(frame({**ask, "params": {"sessionId": session_id, "tool": "read"}}))
    scene.editor(id="s/q1", result={"outcome": "yes"})
    scene.gateway.inbox.clear()
    scene.relay.from_gateway(frame({**ask, "params": {"sessionId": session_id, "tool": "delete"}}))
    assert scene.questions() == ["s/q1", "s/q1"]
    assert not scene.gateway.inbox


def test_only_the_first_answer_to_a_question_is_sent(scene: Scene, session_id: str) -> None:
    question = scene.gateway.ask(session_id)
    scene.settle()
    scene.editor(id=question, result={"outcome": "yes"})
    scene.editor(id=question, result={"outcome": "no"})
    scene.settle()
    assert scene.gateway.answers == {question: [{"outcome": "yes"}]}


def test_the_answer_to_a_withdrawn_question_goes_nowhere(scene: Scene, session_id: str) -> None:
    question = scene.gateway.ask(session_id)
    scene.settle()
    scene.relay.from_gateway(frame({"method": "$/cancel_request", "params": {"requestId": question}}))
    assert scene.seen[-1]["method"] == "$/cancel_request"
    scene.editor(id=question, result={"outcome": "yes"})
    assert not scene.gateway.inbox


def test_a_loss_while_sessions_are_attached_starts_over(scene: Scene, session_id: str) -> None:
    for _ in range(3):
        scene.lose()
        scene.connect()
        scene.gateway.take()
        scene.relay.from_gateway(scene.gateway.outbox.popleft())
        assert scene.relay.phase is Phase.ATTACHING
    scene.settle()
    assert scene.relay.phase is Phase.LIVE
    assert scene.gateway._views == {session_id}


def refuse_attach(scene: Scene, *, retryable: bool) -> None:
    """Reconnect as far as the attach, and let the gateway refuse it."""
    scene.lose()
    scene.connect()
    scene.gateway.take()
    scene.relay.from_gateway(scene.gateway.outbox.popleft())
    attach = scene.gateway.inbox.popleft()
    error = {"code": -32030, "message": "no", "data": {"retryable": retryable}}
    scene.relay.from_gateway(frame({"id": attach["id"], "error": error}))


def test_a_session_that_is_not_there_yet_is_tried_on_another_connection(
    scene: Scene, session_id: str
) -> None:
    refuse_attach(scene, retryable=True)
    assert len(scene.gave_up) == 1
    assert scene.relay.phase is Phase.ATTACHING
    scene.lose()
    scene.connect()
    scene.settle()
    assert scene.gateway._views == {session_id}


def test_a_session_that_is_gone_keeps_no_other_from_going_on(scene: Scene, session_id: str) -> None:
    scene.prompt(7, session_id)
    refuse_attach(scene, retryable=False)
    assert scene.relay.phase is Phase.LIVE
    scene.settle()
    assert "error" in scene.answer(7)


def test_a_session_that_stays_away_is_given_up_in_the_end(scene: Scene, session_id: str) -> None:
    for _ in range(MAX_REFUSALS):
        assert scene.relay.phase is not Phase.AWAY
        refuse_attach(scene, retryable=True)
    assert len(scene.gave_up) == MAX_REFUSALS - 1
    assert scene.relay.phase is Phase.LIVE


def test_a_closed_session_is_not_attached_again(scene: Scene, session_id: str) -> None:
    scene.editor(id=5, method="session/close", params={"sessionId": session_id})
    scene.settle()
    scene.lose()
    scene.connect()
    scene.gateway.take()
    scene.relay.from_gateway(scene.gateway.outbox.popleft())
    assert not scene.gateway.inbox
    assert scene.relay.phase is Phase.LIVE


def test_a_refused_initialize_leads_to_another_connection(scene: Scene, session_id: str) -> None:
    scene.lose()
    scene.connect()
    again = scene.gateway.inbox.popleft()
    scene.relay.from_gateway(frame({"id": again["id"], "error": {"code": -32603, "message": "busy"}}))
    assert scene.gave_up == ["the gateway refused initialize: busy"]


def test_a_second_request_with_an_open_id_is_refused_and_the_first_is_answered(
    scene: Scene, session_id: str
) -> None:
    scene.prompt(7, session_id)
    scene.editor(id=7, method="session/list")
    assert scene.answer(7)["error"]["code"] == -32600
    assert len(scene.gateway.inbox) == 1


@pytest.mark.parametrize(("line", "code"), [(b"{", -32700), (b"[]", -32600), (b'{"id":3}', -32600)])
def test_what_is_no_message_is_answered_here(scene: Scene, line: bytes, code: int) -> None:
    scene.relay.from_editor(line)
    assert scene.seen[-1]["error"]["code"] == code


def test_ids_come_back_as_the_editor_spelled_them(scene: Scene) -> None:
    scene.connect()
    raw: list[bytes] = []
    scene.relay._to_editor = raw.append
    scene.relay.from_editor(b'{"jsonrpc":"2.0","id":1.0,"method":"session/list"}')
    scene.lose()
    assert b'"id":1.0' in raw[0]


def test_frames_that_need_no_change_pass_as_they_are(scene: Scene, session_id: str) -> None:
    raw: list[bytes] = []
    scene.relay._to_gateway = raw.append
    line = b'{"jsonrpc": "2.0",  "id": 1e2, "method": "_x", "params": {"n": 1.0, "n2": "\\u00e9"}}'
    scene.relay.from_editor(line)
    assert raw == [line]
    json.loads(line)
