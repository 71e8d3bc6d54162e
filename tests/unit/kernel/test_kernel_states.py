import itertools
from pathlib import Path

import pytest

from actors.errors import InternalError
from actors.kernel.states import (
    ENDING,
    LOADED,
    SETTLED,
    TRANSITIONS,
    ActivationState,
    Event,
    as_markdown,
    next_state,
)

DOCS = Path(__file__).parents[3] / "docs" / "kernel.md"


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ActivationState, Event)))
def test_every_pair_is_in_the_table_or_raises(state: ActivationState, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(InternalError, match=f"{state} cannot take the event {event}"):
            next_state(state, event)


def test_every_state_can_be_reached_from_the_first() -> None:
    reached = {ActivationState.WAITING}
    for _ in ActivationState:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(ActivationState)


def test_only_the_end_is_final() -> None:
    leaves = set(ActivationState) - {before for before, _ in TRANSITIONS}
    assert leaves == {ActivationState.STOPPED}


def test_every_state_but_the_last_two_can_be_stopped() -> None:
    stoppable = {before for before, event in TRANSITIONS if event is Event.STOP}
    assert stoppable == set(ActivationState) - ENDING


def test_what_restarts_is_loaded() -> None:
    assert {before for before, event in TRANSITIONS if event is Event.RESTART} == LOADED
    assert ActivationState.RUNNING in SETTLED


def test_the_docs_show_the_table_of_the_code() -> None:
    assert as_markdown() in DOCS.read_text(encoding="utf-8")
