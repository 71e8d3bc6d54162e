"""The open requests of an agent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.connection.questions import MAX_QUESTIONS, Question, Questions, is_shared
from actors.errors import MailboxFullError, QuestionUnknownError


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
    one.take_all()
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


def test_nothing_is_open_any_more_once_all_are_taken():
    questions = Questions("ses_1")
    both = (asked(questions), asked(questions))

    assert questions.take_all() == both
    assert questions.take_all() == questions.open() == ()


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
