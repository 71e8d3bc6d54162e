"""What clients recorded, held against the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from verify_histories import (
    DRIVER,
    END_TURN,
    FIRST,
    INTERRUPTED,
    SECOND,
    SESSION,
    UNAVAILABLE,
    History,
    activated,
    ended,
    histories,
    patient,
    prompt,
    started,
    update,
)

from topology.verify.client_record import ClientLine
from topology.verify.violations import Rule

FAILED: dict[str, object] = {"error": {"code": -32603, "message": "no"}}
CANCELLED: dict[str, object] = {"result": {"stopReason": "cancelled"}}


def line(event: str, **members: object) -> ClientLine:
    return ClientLine(event, DRIVER, SESSION, **members)  # type: ignore[arg-type]  # as the tests spell them


def attached(connection: str = FIRST, after: int = 0) -> ClientLine:
    return line("attached", connection=connection, after=after)


def received(seq: int) -> ClientLine:
    return line("received", seq=seq)


def prompted(request: str = "1", prompt_id: str = "p-1") -> ClientLine:
    return line("prompted", prompt_id=prompt_id, request=request)


def answered(told: Mapping[str, object] = END_TURN, request: str = "1", prompt_id: str = "p-1") -> ClientLine:
    return line("answered", prompt_id=prompt_id, request=request, answer=dict(told))


def a_turn(*clients: ClientLine, outcome: str = "completed") -> History:
    """A prompt (seq 3) and two updates (4 and 5) in a turn that ends with seq 6."""
    steps = [activated(1), started(1, "p-1"), prompt("do"), update("a"), update("b"), ended(1, outcome)]
    return History(steps, clients=list(clients))


# ------------------------------------------------------------------ what is shown


@patient
@given(histories(min_turns=2, min_updates=2), st.data())
def test_what_a_view_did_not_show_is_lost(history: History, data: st.DataObject) -> None:
    # The driver has an answer after all that it was shown, so that a loss at the end is seen too.
    places = [at for at in history.client_places("received", DRIVER) if later_answer(history, at)]
    if not places:
        return
    del history.clients[data.draw(st.sampled_from(places))]
    assert history.broken() == {Rule.CLIENT_LOST: 1}


def later_answer(history: History, place: int) -> bool:
    """Whether the same view told an outcome of the journal after that."""
    for one in history.clients[place:]:
        if one.event in ("detached", "attached"):
            return False
        if one.event == "answered" and one.answer is not INTERRUPTED and one.answer is not UNAVAILABLE:
            return True
    return False


@patient
@given(histories(min_turns=2, min_updates=2), st.data())
def test_what_a_view_showed_twice_is_doubled(history: History, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(history.client_places("received")))
    history.clients.insert(place + 1, history.clients[place])
    assert history.broken() == {Rule.CLIENT_DOUBLED: 1}


def test_what_the_client_had_before_its_cursor_is_doubled() -> None:
    history = a_turn(attached(SECOND, after=4), received(4), received(5))
    assert history.broken() == {Rule.CLIENT_DOUBLED: 1}


def test_what_a_view_showed_in_another_order_is_reordered() -> None:
    assert a_turn(attached(), received(5), received(4)).broken() == {Rule.CLIENT_REORDERED: 1}


def test_what_comes_after_the_answer_to_it_is_reordered() -> None:
    history = a_turn(attached(), prompted(), received(4), answered(), received(5))
    assert history.broken() == {Rule.CLIENT_REORDERED: 1}


def test_what_is_missing_before_an_answer_is_lost() -> None:
    history = a_turn(attached(), prompted(), received(4), answered())
    assert history.broken() == {Rule.CLIENT_LOST: 1}


def test_a_view_that_ends_early_has_lost_nothing() -> None:
    assert a_turn(attached(), received(4), line("detached")).broken() == {}


def test_a_cursor_that_skips_is_the_clients_own_choice() -> None:
    assert a_turn(attached(after=4), received(5)).broken() == {}


def test_a_client_is_not_shown_its_own_prompt_on_the_connection_that_said_it() -> None:
    assert a_turn(attached(), received(3), received(4)).broken() == {Rule.CLIENT_INVENTED: 1}
    assert a_turn(attached(SECOND), received(3), received(4)).broken() == {}
    assert a_turn(attached(SECOND), received(4)).broken() == {Rule.CLIENT_LOST: 1}


def test_what_the_journal_lacks_is_invented() -> None:
    assert a_turn(attached(), received(4), received(5), received(7)).broken() == {Rule.CLIENT_INVENTED: 1}


def test_a_message_with_other_bytes_is_altered() -> None:
    history = a_turn(attached(), line("received", seq=4, crc=1))
    assert history.broken() == {Rule.CLIENT_ALTERED: 1}


def test_after_a_reset_what_came_before_it_is_not_missed() -> None:
    assert a_turn(attached(SECOND), line("reset", first=5), received(5)).broken() == {}


def test_a_session_that_the_journal_lacks_is_missing() -> None:
    elsewhere = ClientLine("attached", DRIVER, "s-2", connection=FIRST)
    assert a_turn(elsewhere).broken() == {Rule.SESSION_MISSING: 1}


# ------------------------------------------------------------------ what is answered


@patient
@given(histories(min_turns=1), st.data())
def test_a_prompt_without_an_answer_is_found_unless_the_history_goes_on(
    history: History, data: st.DataObject
) -> None:
    answers = history.client_places("answered")
    prompt_id = history.clients[data.draw(st.sampled_from(answers))].prompt_id
    history.clients = [
        one for one in history.clients if (one.event, one.prompt_id) != ("answered", prompt_id)
    ]
    assert history.broken() == {Rule.UNANSWERED: 1}
    assert history.broken(live=True) == {}


@patient
@given(histories(min_turns=1), st.data())
def test_a_request_that_was_answered_twice_is_found(history: History, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(history.client_places("answered")))
    history.clients.insert(place + 1, history.clients[place])
    assert history.broken() == {Rule.ANSWERED_TWICE: 1}


def test_being_told_to_try_again_is_no_outcome() -> None:
    assert a_turn(attached(), prompted(), answered(UNAVAILABLE)).broken() == {Rule.UNANSWERED: 1}


def test_a_repeat_that_gets_the_same_outcome_is_right() -> None:
    views = [attached(), prompted(), received(4), received(5), answered()]
    assert a_turn(*views, prompted("2"), answered(request="2")).broken() == {}


@pytest.mark.parametrize("other", [INTERRUPTED, FAILED, CANCELLED, {"result": {"stopReason": "refusal"}}])
def test_a_repeat_that_gets_another_outcome_is_found(other: dict[str, object]) -> None:
    views = [attached(), prompted(), received(4), received(5), answered()]
    history = a_turn(*views, prompted("2"), answered(other, request="2"))
    assert history.broken() == {Rule.OUTCOME_DIFFERS: 1}


@pytest.mark.parametrize("first", [INTERRUPTED, UNAVAILABLE, CANCELLED])
def test_a_prompt_that_did_not_run_may_run_when_it_is_repeated(first: dict[str, object]) -> None:
    views = [attached(), prompted(), answered(first), prompted("2"), received(4), received(5)]
    assert a_turn(*views, answered(request="2")).broken() == {}


@pytest.mark.parametrize("answer", [INTERRUPTED, FAILED, CANCELLED])
def test_a_prompt_that_never_came_to_its_turn_need_not_be_in_the_journal(
    answer: dict[str, object],
) -> None:
    assert a_turn(attached(), prompted("1", "p-2"), answered(answer, "1", "p-2")).broken() == {}


def test_an_outcome_that_the_journal_lacks_is_found() -> None:
    history = a_turn(attached(), prompted("1", "p-2"), answered(END_TURN, "1", "p-2"))
    assert history.broken() == {Rule.OUTCOME_DIFFERS: 1}


@patient
@given(histories(min_turns=1))
def test_records_of_clients_alone_can_be_held_against_the_journal(history: History) -> None:
    history.agents = []
    assert history.broken() == {}


def removed(history: History) -> None:
    del history.clients[0]


def renamed(history: History) -> None:
    history.clients = [replace(one, client="someone") for one in history.clients if one.event != "attached"]


@pytest.mark.parametrize("change", [removed, renamed])
def test_what_is_received_without_a_view_is_passed_over(change: Callable[[History], None]) -> None:
    history = a_turn(attached(), received(5))
    change(history)
    assert history.broken() == {}
