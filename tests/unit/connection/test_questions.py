"""The open requests of an agent."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.connection.questions import (
    MAX_QUESTIONS,
    Decision,
    DecisionState,
    Question,
    Questions,
    is_shared,
)
from actors.errors import MailboxFullError, QuestionUnknownError
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope, parse
from actors.protocol.members import split


def asked(
    questions: Questions, agent_id: bytes = b"1", method: str = "session/request_permission"
) -> Question:
    question = Question(questions.next_id(), agent_id, method, b"{}", 1)
    questions.add(question)
    return question


def test_the_first_answer_is_taken_and_the_second_refused():
    questions = Questions("ses_1")
    question = asked(questions)
    assert questions.answer(question.question_id) is question

    with pytest.raises(QuestionUnknownError):
        questions.answer(question.question_id)


@pytest.mark.parametrize("unknown", ["ses_1/q9", "ses_2/q1", 1, None, 1.5, ""], ids=repr)
def test_an_answer_to_nothing_is_refused(unknown: object):
    questions = Questions("ses_1")
    asked(questions)

    with pytest.raises(QuestionUnknownError):
        questions.answer(unknown)
    assert len(questions) == 1


def test_ids_differ_over_sessions_and_over_time():
    one, two = Questions("ses_1"), Questions("ses_2")
    ids = {asked(one).question_id, asked(one).question_id, asked(two).question_id}
    restored = Questions("ses_1", one.count)

    assert len(ids | {asked(restored).question_id}) == 4


def test_an_id_begins_with_its_session():
    assert asked(Questions("ses_1")).question_id.rpartition("/")[0] == "ses_1"


def test_the_agent_may_take_a_question_back():
    questions = Questions("ses_1")
    asked(questions, b"1")
    second = asked(questions, b'"1"')

    assert questions.withdraw(b'"1"') is second
    assert questions.withdraw(b'"1"') is None
    assert len(questions) == 1


def test_a_question_too_many_is_refused_until_one_is_answered():
    questions = Questions("ses_1")
    first, *_ = [asked(questions) for _ in range(MAX_QUESTIONS)]
    with pytest.raises(MailboxFullError):
        questions.next_id()
    questions.answer(first.question_id)

    assert asked(questions) in questions.open()


def again(question: Question, agent_id: bytes = b"9") -> Envelope:
    """The request of an agent that asks once more."""
    return parse(rewrite.with_id(parse(question.message), msgspec.Raw(agent_id)))


def permission(questions: Questions, tool: str) -> Question:
    question = asked(questions)
    question.message = compose.request(question.question_id, question.method, {"toolCall": {"id": tool}})
    return question


def decided(questions: Questions, question: Question) -> Decision:
    questions.answer(question.question_id)
    decision = Decision(question, DecisionState.ANSWERED, split(b'{"jsonrpc":"2.0","result":{"a":1}}'))
    questions.decide(decision)
    return decision


def test_nothing_is_open_any_more_once_an_agent_that_went_away_does_not_ask_again():
    questions = Questions("ses_1")
    first, second, third = permission(questions, "a"), permission(questions, "b"), permission(questions, "c")
    answer = decided(questions, second)

    assert questions.suspend() == []
    assert questions.asked_again(again(third)) is third
    assert questions.take_suspended() == ([first], [answer])
    assert questions.open() == (third,)
    assert questions.take_suspended() == ([], [])


def test_what_one_client_alone_can_do_is_not_open_any_more_when_its_agent_is_away():
    questions = Questions("ses_1")
    permitted, read = asked(questions), asked(questions, method="fs/read_text_file")

    assert questions.suspend() == [read]
    assert questions.open() == (permitted,)


def test_a_question_that_is_asked_again_has_the_agents_new_id():
    questions = Questions("ses_1")
    question = permission(questions, "a")
    questions.suspend()

    assert question.is_suspended
    assert questions.asked_again(again(question, b'"new"')) is question
    assert question.agent_id == b'"new"'
    assert questions.withdraw(b'"new"') is question


def test_a_decision_goes_to_the_request_that_asks_again():
    questions = Questions("ses_1")
    question = permission(questions, "a")
    decision = decided(questions, question)
    questions.suspend()
    questions.asked_again(again(question, b"9"))

    assert json.loads(decision.frame) == {"jsonrpc": "2.0", "id": 9, "result": {"a": 1}}


def test_another_question_is_a_new_one():
    questions = Questions("ses_1")
    permission(questions, "a")
    other = permission(Questions("ses_1"), "b")
    questions.suspend()

    assert questions.asked_again(again(other)) is None


def test_a_question_whose_agent_is_there_is_not_asked_again_by_another_request():
    questions = Questions("ses_1")
    question = permission(questions, "a")

    assert questions.asked_again(again(question)) is None
    assert question.agent_id == b"1"


def test_each_of_two_equal_questions_is_asked_again_once():
    questions = Questions("ses_1")
    one, two = permission(questions, "a"), permission(questions, "a")
    questions.suspend()

    found = [questions.asked_again(again(one, number)) for number in (b"8", b"9", b"10")]
    assert found == [one, two, None]


def test_decisions_that_the_agent_was_not_told_count_as_open():
    questions = Questions("ses_1")
    decision = decided(questions, asked(questions))
    for _ in range(MAX_QUESTIONS - 1):
        asked(questions)
    with pytest.raises(MailboxFullError):
        questions.next_id()
    questions.told(decision)

    assert not questions.has_untold
    assert asked(questions) in questions.open()


@given(st.lists(st.integers(0, 20), max_size=30))
def test_open_questions_come_oldest_first(answered: list[int]):
    questions = Questions("ses_1")
    rest = [asked(questions) for _ in range(20)]
    for place in answered:
        if place < len(rest):
            questions.answer(rest.pop(place).question_id)

    assert list(questions.open()) == rest


@pytest.mark.parametrize(
    ("method", "shared"),
    [
        ("session/request_permission", True),
        ("elicitation/create", True),
        ("fs/read_text_file", False),
        ("fs/write_text_file", False),
        ("terminal/create", False),
        ("_vendor/anything", False),
    ],
)
def test_only_what_has_no_effect_on_a_clients_side_is_asked_of_all(method: str, shared: bool):
    assert is_shared(method) is shared
