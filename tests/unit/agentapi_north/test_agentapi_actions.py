"""Questions of an agent as actions, and the answers to them."""

from __future__ import annotations

import json

import msgspec
import pytest
from msgspec import Raw

from actors import errors
from serve.agentapi.actions import action_of, result_of
from serve.agentapi.bodies import ActionRequest
from serve.agentapi.watcher import OpenQuestion


def permission(**params: object) -> OpenQuestion:
    options = [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}, {"optionId": "no"}]
    told = {"toolCall": {"title": "Write it"}, "options": options, **params}
    request_id = Raw(b'"s/q1"')
    return OpenQuestion("q1", request_id, "session/request_permission", Raw(json.dumps(told).encode()))


def elicitation() -> OpenQuestion:
    params = Raw(b'{"message":"Which one?","requestedSchema":{}}')
    return OpenQuestion("q2", Raw(b'"s/q2"'), "elicitation/create", params)


def answered(question: OpenQuestion, **answer: object) -> object:
    body = json.dumps({"id": question.question_id, **answer})
    request = msgspec.json.decode(body, type=ActionRequest)
    return json.loads(bytes(result_of(question, request)))


def test_a_permission_shows_its_title_and_options():
    action = action_of(permission())
    assert (action.id, action.type, action.title) == ("q1", "permission", "Write it")
    assert [(one.id, one.name) for one in action.options] == [("yes", "Yes"), ("no", "")]


def test_an_elicitation_shows_its_message():
    action = action_of(elicitation())
    assert (action.type, action.title, action.options) == ("elicitation", "Which one?", [])


def test_a_question_that_cannot_be_read_still_is_one():
    assert action_of(permission(options=7)).title == "session/request_permission"


def test_an_option_is_chosen():
    assert answered(permission(), optionId="no") == {"outcome": {"outcome": "selected", "optionId": "no"}}


def test_an_option_that_is_not_there_is_refused():
    with pytest.raises(errors.InvalidParamsError, match="yes, no"):
        answered(permission(), optionId="maybe")
    with pytest.raises(errors.InvalidParamsError):
        answered(permission())


def test_cancel_answers_both_kinds():
    assert answered(permission(), cancel=True) == {"outcome": {"outcome": "cancelled"}}
    assert answered(elicitation(), cancel=True) == {"action": "cancel"}


def test_content_answers_an_elicitation_only():
    assert answered(elicitation(), content={"name": "a"}) == {"action": "accept", "content": {"name": "a"}}
    with pytest.raises(errors.InvalidParamsError):
        answered(elicitation())


def test_a_result_is_passed_on_word_for_word():
    request = msgspec.json.decode(b'{"id":"q1","result":{"n": 1e5}}', type=ActionRequest)
    assert bytes(result_of(permission(), request)) == b'{"n": 1e5}'
