"""What agents recorded, held against the journal."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from verify_histories import (
    AGENT,
    History,
    activated,
    ended,
    histories,
    patient,
    prompt,
    said,
    started,
    update,
)

from topology.verify.agent_record import AgentLine, digest
from topology.verify.violations import Rule

TOLD = AgentLine("told", AGENT, prompt_id="p-1")


def a_turn(*texts: str, outcome: str = "completed") -> History:
    updates = [update(text) for text in texts]
    steps = [activated(1), started(1, "p-1"), prompt("do"), *updates, ended(1, outcome)]
    return History(steps, [TOLD, *map(said, updates)])


def without_clients(history: History) -> History:
    history.clients = []
    return history


@patient
@given(histories(min_turns=2, min_updates=2), st.data())
def test_an_update_that_the_journal_lacks_is_lost(history: History, data: st.DataObject) -> None:
    updates = history.places("update")
    if not updates:
        return
    del history.steps[data.draw(st.sampled_from(updates))]
    assert without_clients(history).broken() == {Rule.AGENT_LOST: 1}


@patient
@given(histories(min_turns=2, min_updates=2), st.data())
def test_an_update_that_the_journal_has_twice_is_doubled(history: History, data: st.DataObject) -> None:
    updates = history.places("update")
    if not updates:
        return
    place = data.draw(st.sampled_from(updates))
    history.steps.insert(place + 1, history.steps[place])
    assert without_clients(history).broken() == {Rule.AGENT_DOUBLED: 1}


def test_updates_that_changed_places_are_reordered() -> None:
    history = a_turn("a", "b", "c")
    history.steps[3], history.steps[4] = history.steps[4], history.steps[3]
    assert history.broken() == {Rule.AGENT_REORDERED: 1}


def test_what_was_said_last_may_be_on_its_way_in_a_history_that_goes_on() -> None:
    history = a_turn("a", "b", "c")
    del history.steps[4:6]
    assert history.broken() == {Rule.AGENT_LOST: 2}
    assert history.broken(live=True) == {}
    del history.steps[3]
    history.steps.insert(3, update("c"))
    assert history.broken(live=True) == {Rule.AGENT_LOST: 2}


def test_an_update_that_the_agent_did_not_say_is_invented() -> None:
    history = a_turn("a")
    history.steps.insert(3, update("b"))
    assert history.broken() == {Rule.AGENT_INVENTED: 1}


def test_an_update_with_another_text_is_lost_and_another_invented() -> None:
    history = a_turn("a", "b")
    history.steps[3] = update("A")
    assert history.broken() == {Rule.AGENT_LOST: 1, Rule.AGENT_INVENTED: 1}


def test_updates_that_say_the_same_are_counted() -> None:
    history = a_turn("a", "a", "a")
    del history.steps[3]
    assert history.broken() == {Rule.AGENT_LOST: 1}


def test_a_session_that_the_journal_lacks_is_missing() -> None:
    history = a_turn("a")
    elsewhere = AgentLine("said", "a-2", update=json.dumps({"text": "b"}).encode())  # type: ignore[arg-type]  # Raw is bytes
    history.agents.append(elsewhere)
    assert history.broken() == {Rule.SESSION_MISSING: 1}


def test_a_prompt_that_the_agent_got_twice_is_found() -> None:
    history = a_turn("a")
    history.agents.append(TOLD)
    assert history.broken() == {Rule.AGENT_TOLD_TWICE: 1}


def test_a_turn_that_the_agent_never_saw_was_not_completed() -> None:
    history = a_turn("a")
    history.agents[0] = AgentLine("told", AGENT, prompt_id="p-0")
    assert history.broken() == {Rule.AGENT_TOLD: 1}


def test_a_turn_that_the_agent_saw_was_started() -> None:
    assert a_turn(outcome="never-started").broken() == {Rule.AGENT_TOLD: 1}
    assert a_turn(outcome="interrupted").broken() == {}


def test_agents_that_name_no_prompts_are_not_asked_about_them() -> None:
    history = a_turn("a")
    del history.agents[0]
    assert history.broken() == {}


def test_the_order_of_members_makes_no_difference() -> None:
    assert digest(b'{"a":1,"b":[2,{"c":3,"d":4}]}') == digest(b'{"b": [2, {"d": 4, "c": 3}], "a": 1}')
    assert digest(b'{"a":1}') != digest(b'{"a":2}')
