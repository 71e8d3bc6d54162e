"""Right histories pass; each kind of wrong one is found, and called what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verify_histories import (
    History,
    Step,
    activated,
    decision,
    ended,
    entries_of,
    head_of,
    histories,
    patient,
    prompt,
    question,
    started,
    timeline,
    update,
)

from actors.journal import Entry
from topology.verify.history import Verification
from topology.verify.timeline import timeline_of
from topology.verify.violations import Rule


def broken(*steps: Step, live: bool = False) -> dict[Rule, int]:
    return History([activated(1), *steps]).broken(live=live)


def broken_entries(entries: list[Entry], last_seq: int) -> dict[Rule, int]:
    verification = Verification()
    verification.take(timeline_of(head_of(last_seq), entries))
    return dict(verification.finish().counts)


@patient
@given(histories())
def test_right_histories_pass(history: History) -> None:
    assert history.report().shown == []


@patient
@given(histories(min_turns=1), st.data())
def test_the_rest_of_a_right_history_passes_once_its_beginning_is_trimmed(
    history: History, data: st.DataObject
) -> None:
    first_kept = data.draw(st.integers(1, len(history.steps)))
    verification = Verification()
    verification.take(timeline(history.steps, first_kept))
    assert verification.finish().shown == []


@patient
@given(histories(min_turns=1), st.data())
def test_a_hole_in_the_seqs_is_found(history: History, data: st.DataObject) -> None:
    entries = entries_of(history.steps)
    updates = [place for place in history.places("update", "activated") if place > 0]
    if not updates:
        return
    del entries[data.draw(st.sampled_from(updates))]
    assert broken_entries(entries, len(history.steps)) == {Rule.SEQ: 1}


@patient
@given(histories())
def test_entries_that_are_missing_at_the_end_are_found(history: History) -> None:
    assert broken_entries(entries_of(history.steps), len(history.steps) + 1) == {Rule.SEQ: 1}


@patient
@given(histories(min_turns=1, min_updates=2), st.data())
def test_swapped_entries_are_found(history: History, data: st.DataObject) -> None:
    entries = entries_of([step for step in history.steps if step.kind in ("activated", "update")])
    if len(entries) < 3:
        return
    at = data.draw(st.integers(1, len(entries) - 2))
    entries[at], entries[at + 1] = entries[at + 1], entries[at]
    assert set(broken_entries(entries, len(entries))) <= {Rule.SEQ, Rule.FENCE_FELL}
    assert broken_entries(entries, len(entries))[Rule.SEQ] >= 2


def test_a_cursor_that_is_not_the_seq_is_found() -> None:
    entries = entries_of([activated(1), update("a"), update("b")])
    wrong = Entry(entries[1].stream, 2, "update", entries[2].payload, 0)
    assert broken_entries([entries[0], wrong, entries[2]], 3) == {Rule.CURSOR: 1}


def test_an_update_of_another_session_is_found() -> None:
    entries = entries_of([activated(1), update("a")])
    other = entries[1].payload.replace(b'"s-1"', b'"s-2"')
    assert broken_entries([entries[0], Entry(entries[1].stream, 2, "update", other, 0)], 2) == {
        Rule.CURSOR: 1
    }


def test_a_notification_that_names_no_session_needs_no_cursor() -> None:
    entries = entries_of([activated(1), update("a")])
    unscoped = Entry(entries[1].stream, 2, "update", b'{"jsonrpc":"2.0","method":"_agent/news"}', 0)
    assert broken_entries([entries[0], unscoped], 2) == {}


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("gossip", b"\n{}"),
        ("update", b"no JSON"),
        ("update", b"\xff"),
        ("turn-started", b"client\n{}"),
        ("turn-ended", b'client\n{"turn":1,"outcome":"forgotten","answer":{}}'),
        ("decision", b"without a line for the client"),
    ],
)
def test_an_entry_that_no_session_writes_is_found(kind: str, payload: bytes) -> None:
    entries = entries_of([activated(1), update("a")])
    entries[1] = Entry(entries[1].stream, 2, kind, payload, 0)
    assert broken_entries(entries, 2) == {Rule.UNREADABLE: 1}


def test_what_cannot_be_read_is_not_shown() -> None:
    verification = Verification()
    entry = Entry("local/s-1", 1, "update", b"canary-secret", 0)
    verification.take(timeline_of(head_of(1), [entry]))
    assert not any("canary" in line for line in verification.finish().lines())


# ------------------------------------------------------------------ turns


@patient
@given(histories(min_turns=1), st.data())
def test_a_turn_without_an_end_is_found(history: History, data: st.DataObject) -> None:
    ends = history.places("turn-ended")
    place = data.draw(st.sampled_from(ends))
    del history.steps[place]
    found = history.journal_alone().broken()
    assert found == {Rule.TURN_NOT_ENDED: 1} | ({} if place == ends[-1] else {Rule.TURN_OVERLAP: 1})


def test_the_last_turn_of_a_live_history_may_be_open() -> None:
    assert broken(started(1), update("a"), live=True) == {}
    assert broken(started(1), update("a")) == {Rule.TURN_NOT_ENDED: 1}


def test_an_open_turn_that_another_followed_is_found_in_a_live_history_too() -> None:
    steps = [started(1), started(2), ended(2)]
    assert broken(*steps, live=True) == {Rule.TURN_OVERLAP: 1, Rule.TURN_NOT_ENDED: 1}


@patient
@given(histories(min_turns=1), st.data())
def test_a_second_end_is_found(history: History, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(history.places("turn-ended")))
    history.steps.insert(place + 1, replace(history.steps[place], client="other"))
    assert history.journal_alone().broken() == {Rule.TURN_ENDED_TWICE: 1}


@patient
@given(histories(min_turns=1), st.data())
def test_an_end_without_a_start_is_found(history: History, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(history.places("turn-started")))
    prompts = 1 + (history.steps[place + 2].kind == "prompt")
    later = place != history.places("turn-started")[-1]
    del history.steps[place]
    number = {Rule.TURN_NUMBER: 1} if later else {}
    assert history.journal_alone().broken() == {
        Rule.TURN_NOT_STARTED: 1,
        Rule.PROMPT_OUTSIDE_TURN: prompts,
        **number,
    }


def test_turns_are_numbered_without_a_hole() -> None:
    assert broken(started(1), ended(1), started(3), ended(3)) == {Rule.TURN_NUMBER: 1}


def test_a_prompt_between_turns_is_found() -> None:
    assert broken(started(1), ended(1), prompt("late")) == {Rule.PROMPT_OUTSIDE_TURN: 1}


@patient
@given(histories(min_turns=2))
def test_a_prompt_id_that_ran_twice_is_found(history: History) -> None:
    starts = history.places("turn-started")
    first, second = (history.steps[place] for place in starts[:2])
    history.steps[starts[1]] = replace(second, body={**second.body, "promptId": first.body["promptId"]})
    outcome = history.steps[history.places("turn-ended")[0]].body["outcome"]
    expected = {} if outcome == "never-started" else {Rule.PROMPT_RUN_TWICE: 1}
    assert history.journal_alone().broken() == expected


# ------------------------------------------------------------------ questions


def asked_twice() -> list[Step]:
    return [question(1), question(1)]


def decided_twice() -> list[Step]:
    return [question(1), decision(1), question(2), decision(1, "void")]


def decided_unasked() -> list[Step]:
    return [decision(1), question(2)]


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        (asked_twice, Rule.QUESTION_ASKED_TWICE),
        (decided_twice, Rule.QUESTION_DECIDED_TWICE),
        (decided_unasked, Rule.QUESTION_UNKNOWN),
    ],
)
def test_questions_have_one_life(steps: Callable[[], list[Step]], rule: Rule) -> None:
    assert broken(*steps()) == {rule: 1}


def test_a_question_may_be_open() -> None:
    assert broken(question(1)) == {}


# ------------------------------------------------------------------ fences


@patient
@given(histories(), st.integers(1, 5))
def test_a_fence_that_fell_is_found(history: History, fence: int) -> None:
    history.steps += [activated(fence + 10), activated(fence + 9)]
    assert history.journal_alone().broken() == {Rule.FENCE_FELL: 1}


def test_one_life_may_take_a_session_on_again_under_its_fence() -> None:
    assert broken(activated(2), activated(2)) == {}


def test_a_fence_of_two_lives_is_found() -> None:
    assert broken(activated(2, "life-a"), activated(2, "life-b")) == {Rule.FENCE_SHARED: 1}


def test_a_fence_of_two_lives_is_found_over_all_sessions_of_a_workspace() -> None:
    verification = Verification()
    verification.take(timeline([activated(1, "life-a")]))
    verification.take(timeline([activated(1, "life-b")]))
    assert dict(verification.finish().counts) == {Rule.FENCE_SHARED: 1}


def test_a_stream_begins_with_an_activation() -> None:
    assert History([update("a")]).broken() == {Rule.NOT_ACTIVATED: 1}
