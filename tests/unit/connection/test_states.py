"""A connection goes only where it may, and the drawing in the docs says the same."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from actors.connection.states import TRANSITIONS, ConnectionState, check
from actors.errors import InternalError

S = ConnectionState
PAGE = Path(__file__).parents[3] / "docs" / "connection-states.md"
IN_USE = (S.CONNECTING, S.CONNECTED, S.DEGRADED, S.ERROR, S.RECONNECTING)
WAYS_OUT = (S.ROLLED_BACK, S.DISCONNECTED)

ON_THE_WAY = {
    (S.CONNECTING, S.CONNECTED),
    (S.CONNECTING, S.ERROR),
    (S.CONNECTED, S.DEGRADED),
    (S.CONNECTED, S.ERROR),
    (S.DEGRADED, S.CONNECTED),
    (S.DEGRADED, S.ERROR),
    (S.ERROR, S.RECONNECTING),
    (S.RECONNECTING, S.CONNECTED),
    (S.RECONNECTING, S.ERROR),
    (S.ROLLED_BACK, S.CONNECTING),
    (S.DISCONNECTED, S.CONNECTING),
}


@pytest.mark.parametrize(("now", "then"), list(product(S, S)))
def test_a_connection_goes_on_its_way_or_out_and_nowhere_else(now: ConnectionState, then: ConnectionState):
    if (now, then) in ON_THE_WAY or (then in WAYS_OUT and now is not then):
        assert check(now, then) is then
    else:
        with pytest.raises(InternalError, match=f"from {now} to {then}"):
            check(now, then)


def test_every_state_can_be_reached_and_left():
    assert set(TRANSITIONS) == set(S)
    assert set().union(*TRANSITIONS.values()) == set(S)


def diagram() -> list[str]:
    """The table as a drawing. What all states in use may do is one arrow."""

    def arrows(states: tuple[ConnectionState, ...], *, leaving_out: tuple[ConnectionState, ...]) -> list[str]:
        pairs = ((now, then) for now in states for then in S if then in TRANSITIONS[now])
        return [f"{name(now)} --> {name(then)}" for now, then in pairs if then not in leaving_out]

    assert all(set(WAYS_OUT) <= TRANSITIONS[state] for state in IN_USE)
    return [
        "stateDiagram-v2",
        '    state "rolled-back" as rolled_back',
        "    [*] --> disconnected",
        '    state "in use" as in_use {',
        *(f"        {arrow}" for arrow in arrows(IN_USE, leaving_out=WAYS_OUT)),
        "    }",
        *(f"    in_use --> {name(state)}" for state in WAYS_OUT),
        *(f"    {arrow}" for arrow in arrows(WAYS_OUT, leaving_out=())),
    ]


def name(state: ConnectionState) -> str:
    return state.value.replace("-", "_")


def test_the_drawing_in_the_docs_is_the_table():
    drawn = PAGE.read_text().split("```mermaid\n")[1].split("\n```")[0]

    assert drawn.splitlines() == diagram()


def test_the_docs_explain_every_state():
    explained = [line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert explained == [state.value for state in S]
