"""The prompts of one session: one runs, some wait, the last are remembered."""

import pytest

from actors import errors
from actors.connection.events import Asker
from actors.connection.turns import MAX_REMEMBERED, MAX_WAITING, Turn, Turns
from actors.protocol import compose
from actors.protocol.envelope import Envelope, parse

PROMPT = parse(compose.request(1, "session/prompt", {"sessionId": "s", "prompt": []}))
DONE = parse(compose.response(1, {"stopReason": "end_turn"}))
CANCELLED = errors.RequestCancelledError("cancelled")
GONE = errors.AgentClosedError("gone")


def turn(prompt_id: str | None = None, attachment: int = 1) -> Turn:
    return Turn(PROMPT, [Asker(attachment, b"1")], prompt_id)


def test_the_first_runs_and_the_others_wait_in_order():
    turns, all_of_them = Turns(), [turn() for _ in range(4)]
    assert [turns.add(one) for one in all_of_them] == [0, 1, 2, 3]
    finished = []
    following: Turn | None = all_of_them[0]
    while following is not None:
        finished.append(following)
        following = turns.finish(following, DONE)

    assert finished == all_of_them
    assert turns.running is None


def test_the_queue_is_bounded():
    turns = Turns()
    for _ in range(1 + MAX_WAITING):
        turns.add(turn())
    with pytest.raises(errors.PromptQueueFullError):
        turns.add(turn("p"))

    assert turns.waiting == MAX_WAITING
    assert turns.join("p", Asker(2, b"1")) is None, "what was refused is not remembered"


def test_a_repeated_prompt_joins_the_turn_that_runs():
    turns, first = Turns(), turn("p")
    turns.add(first)

    assert turns.join("p", Asker(2, b"9")) is first
    assert first.askers == [Asker(1, b"1"), Asker(2, b"9")]


def test_a_repeated_prompt_finds_the_outcome_of_a_turn_that_is_over():
    turns, first = Turns(), turn("p")
    turns.add(first)
    turns.finish(first, DONE)

    joined = turns.join("p", Asker(2, b"9"))
    assert joined is first
    assert joined.outcome is DONE
    assert joined.askers == [Asker(1, b"1")]


def test_prompts_without_an_id_are_never_joined():
    turns = Turns()
    turns.add(turn(None))

    assert turns.join(None, Asker(2, b"9")) is None


def test_a_finished_turn_lets_its_prompt_go():
    turns, first = Turns(), turn("p")
    turns.add(first)
    turns.finish(first, DONE)

    assert first.prompt is None


def test_a_prompt_that_never_reached_the_agent_may_be_repeated():
    turns, first = Turns(), turn("p")
    turns.add(first)
    turns.finish(first, GONE)

    assert turns.join("p", Asker(1, b"2")) is None


@pytest.mark.parametrize("outcome", [GONE, CANCELLED, DONE], ids=lambda outcome: type(outcome).__name__)
def test_a_prompt_that_reached_the_agent_is_not_run_twice(outcome: Envelope | errors.LumiLinkError):
    turns, first = Turns(), turn("p")
    turns.add(first)
    first.call = 7
    turns.finish(first, outcome)

    assert turns.join("p", Asker(1, b"2")) is first


def test_a_prompt_that_was_cancelled_while_it_waited_stays_cancelled():
    turns, first, second = Turns(), turn(), turn("p")
    turns.add(first)
    turns.add(second)
    for dropped in turns.drop_waiting():
        assert turns.finish(dropped, CANCELLED) is None

    joined = turns.join("p", Asker(1, b"2"))
    assert joined is not None
    assert joined.outcome is CANCELLED
    assert turns.running is first


def test_only_the_turn_of_the_asker_is_dropped():
    turns = Turns()
    running, second, third = turn(attachment=1), turn(attachment=2), turn(attachment=3)
    for one in (running, second, third):
        turns.add(one)

    assert turns.drop(Asker(2, b"1")) is second
    assert turns.drop(Asker(2, b"1")) is None
    assert turns.drop(Asker(1, b"1")) is None, "what runs does not wait"
    assert turns.finish(running, DONE) is third


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first():
    turns = Turns()
    for number in range(2 * MAX_REMEMBERED):
        _run(turns, f"p{number}")

    assert turns.join("p0", Asker(1, b"1")) is None
    assert turns.join(f"p{MAX_REMEMBERED}", Asker(1, b"1")) is not None
    assert len(turns._remembered) == MAX_REMEMBERED


def test_a_turn_that_is_not_over_is_never_forgotten():
    turns, running = Turns(), turn("open")
    turns.add(running)
    for number in range(2 * MAX_REMEMBERED):
        waiting = turn(f"p{number}")
        turns.add(waiting)
        turns.drop(waiting.askers[0])
        turns.finish(waiting, CANCELLED)

    assert turns.join("open", Asker(5, b"1")) is running
    assert len(turns._remembered) == MAX_REMEMBERED


def _run(turns: Turns, prompt_id: str) -> None:
    one = turn(prompt_id)
    turns.add(one)
    one.call = 1
    turns.finish(one, DONE)
