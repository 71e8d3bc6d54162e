"""The prompts of one session: one runs, some wait, the last are remembered."""

import itertools
import json

import pytest

from actors import errors
from actors.connection.events import Asker
from actors.connection.record import EndedTurn
from actors.connection.turns import (
    CANCELLED,
    MAX_REMEMBERED,
    MAX_WAITING,
    Outcome,
    Turn,
    TurnEnd,
    Turns,
    outcome_of,
)
from actors.protocol import compose
from actors.protocol.envelope import parse

PROMPT = parse(compose.request(1, "session/prompt", {"sessionId": "s", "prompt": []}))
DONE = Outcome(TurnEnd.COMPLETED, b'{"result":{"stopReason":"end_turn"}}')
GONE = errors.AgentClosedError("gone")
NEVER_STARTED = Outcome.of_error(TurnEnd.NEVER_STARTED, GONE)
INTERRUPTED = Outcome.of_error(TurnEnd.INTERRUPTED, errors.TurnInterruptedError("gone"))
FAILED = Outcome.of_error(TurnEnd.FAILED, GONE)

_requests = itertools.count(1)


def asker(client: str = "c1", request: int | None = None) -> Asker:
    """Who asks; under an id that no other request has, if none is given."""
    return Asker(client, b"%d" % (next(_requests) if request is None else request))


def turn(prompt_id: str | None = None, client: str = "c1") -> Turn:
    return Turn(PROMPT, [asker(client)], prompt_id)


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
    assert turns.join("p", asker("c2")) is None, "what was refused is not remembered"


def test_a_repeated_prompt_joins_the_turn_that_runs():
    turns, first = Turns(), turn("p")
    turns.add(first)

    assert turns.join("p", asker("c2", 9)) is first
    assert first.askers == [first.first, asker("c2", 9)]


def test_a_repeated_prompt_finds_the_outcome_of_a_turn_that_is_over():
    turns, first = Turns(), turn("p")
    turns.add(first)
    turns.finish(first, DONE)

    joined = turns.join("p", asker("c2", 9))
    assert joined is first
    assert joined.outcome is DONE
    assert joined.askers == [first.first]


def test_a_turn_of_before_is_found_by_its_prompt_and_by_its_request():
    ended = {"c1": [EndedTurn("p", b"3", 40)]}
    turns = Turns(7, ended)
    before = turns.asked_by(asker("c1", 3))

    assert before is not None
    assert turns.join("p", asker("c2", 9)) is before
    assert before.is_over
    assert before.askers == [asker("c1", 3)]
    assert turns.ended == ended
    assert turns.begin(turn()) == 8, "turns are numbered over the session's whole life"


def test_a_prompt_is_found_by_the_request_that_it_came_with():
    turns = Turns()
    running, waiting = turn(), turn()
    turns.add(running)
    turns.add(waiting)

    assert turns.asked_by(waiting.first) is waiting
    assert turns.asked_by(asker()) is None


def test_prompts_without_an_id_are_never_joined():
    turns = Turns()
    turns.add(turn(None))

    assert turns.join(None, asker("c2", 9)) is None


def test_a_finished_turn_lets_its_prompt_go():
    turns, first = Turns(), turn("p")
    turns.add(first)
    turns.finish(first, DONE)

    assert first.prompt is None


def test_a_prompt_that_never_reached_the_agent_may_be_repeated():
    turns, first = Turns(), turn("p")
    turns.add(first)
    turns.finish(first, NEVER_STARTED)

    assert turns.join("p", asker()) is None
    assert turns.asked_by(first.first) is None


@pytest.mark.parametrize(
    "outcome", [INTERRUPTED, FAILED, CANCELLED, DONE], ids=lambda outcome: outcome.end.value
)
def test_a_prompt_that_reached_the_agent_is_not_run_twice(outcome: Outcome):
    turns, first = Turns(), turn("p")
    turns.add(first)
    turns.finish(first, outcome)

    assert turns.join("p", asker()) is first


def test_a_prompt_that_was_cancelled_while_it_waited_stays_cancelled():
    turns, first, second = Turns(), turn(), turn("p")
    turns.add(first)
    turns.add(second)
    for dropped in turns.drop_waiting():
        assert turns.finish(dropped, CANCELLED) is None

    joined = turns.join("p", asker())
    assert joined is not None
    assert joined.outcome is CANCELLED
    assert turns.running is first


def test_only_the_turn_of_the_asker_is_dropped():
    turns = Turns()
    running, second, third = turn(), turn(client="c2"), turn()
    for one in (running, second, third):
        turns.add(one)

    assert turns.drop(second.first) is second
    assert turns.drop(second.first) is None
    assert turns.drop(running.first) is None, "what runs does not wait"
    assert turns.finish(running, DONE) is third


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first():
    turns = Turns()
    for number in range(2 * MAX_REMEMBERED):
        _run(turns, f"p{number}")

    assert turns.join("p0", asker()) is None
    assert turns.join(f"p{MAX_REMEMBERED}", asker()) is not None
    assert remembered(turns) == MAX_REMEMBERED


def test_what_is_remembered_is_bounded_for_a_client_that_gives_all_its_requests_one_id():
    turns = Turns()
    for number in range(2 * MAX_REMEMBERED):
        _run(turns, f"p{number}", asker("c1", 1))

    assert turns.join(f"p{2 * MAX_REMEMBERED - 1}", asker()) is not None
    assert remembered(turns) <= MAX_REMEMBERED


def test_a_turn_that_is_not_over_is_never_forgotten():
    turns, running = Turns(), turn("open")
    turns.add(running)
    for number in range(2 * MAX_REMEMBERED):
        waiting = turn(f"p{number}")
        turns.add(waiting)
        turns.drop(waiting.askers[0])
        turns.finish(waiting, CANCELLED)

    assert turns.join("open", asker("c5")) is running
    assert remembered(turns) == MAX_REMEMBERED


@pytest.mark.parametrize("request_id", [b"1", b'"a"', b"null", b"1.0", b"12345678901234567890"])
def test_an_outcome_answers_every_request_under_its_own_id(request_id: bytes):
    assert DONE.frame(request_id) == (
        b'{"jsonrpc":"2.0","id":' + request_id + b',"result":{"stopReason":"end_turn"}}'
    )
    error = json.loads(INTERRUPTED.frame(request_id))["error"]
    assert error["data"]["code"] == "turn-interrupted"
    assert error["data"]["retryable"] is True


@pytest.mark.parametrize("outcome", [DONE, CANCELLED, FAILED, INTERRUPTED], ids=lambda one: one.end.value)
def test_an_outcome_is_read_back_from_the_event_that_tells_it(outcome: Outcome):
    note = outcome.note(3)

    assert outcome_of(note) == outcome
    assert json.loads(note)["turn"] == 3
    assert json.loads(note)["outcome"] == outcome.end.value


def remembered(turns: Turns) -> int:
    """How many turns are kept, however they can be found."""
    return len({id(one) for one in (*turns._by_asker.values(), *turns._by_prompt_id.values())})


def _run(turns: Turns, prompt_id: str, by: Asker | None = None) -> None:
    one = Turn(PROMPT, [by or asker()], prompt_id)
    turns.add(one)
    turns.finish(one, DONE)
