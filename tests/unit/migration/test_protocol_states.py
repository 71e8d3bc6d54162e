"""A workspace goes only where the table says, and the drawing in the docs says the same."""

from __future__ import annotations

from pathlib import Path

from actors.migration.states import BY_WORD, TRANSITIONS, Change, ProtocolState, protocol_of
from actors.protocol.agent_protocol import AgentProtocol

S = ProtocolState
PAGE = Path(__file__).parents[3] / "docs" / "migration.md"


def test_every_state_can_be_reached_and_left():
    reached = {after for ways in TRANSITIONS.values() for after in ways.values()}

    assert set(TRANSITIONS) == set(S)
    assert reached | {S.HTTP} == set(S)


def test_every_change_is_in_the_table():
    assert {change for ways in TRANSITIONS.values() for change in ways} == set(Change)


def test_somebody_can_always_take_a_workspace_to_the_other_protocol():
    for state, ways in TRANSITIONS.items():
        wanted = Change.PINNED if protocol_of(state) is AgentProtocol.ACP else Change.RETURNED
        assert protocol_of(ways[wanted]) is protocol_of(state).other


def test_a_pinned_workspace_leaves_by_somebodys_word_alone():
    assert set(TRANSITIONS[S.PINNED_HTTP]) <= BY_WORD


def name(state: ProtocolState) -> str:
    return state.value.replace("-", "_")


def diagram() -> list[str]:
    named = [f'    state "{state}" as {name(state)}' for state in S if "-" in state.value]
    arrows = [
        f"    {name(before)} --> {name(after)}: {change}"
        for before, ways in TRANSITIONS.items()
        for change, after in ways.items()
    ]
    return ["stateDiagram-v2", *named, "    [*] --> acp", "    [*] --> http", *arrows]


def test_the_drawing_in_the_docs_is_the_table():
    drawn = PAGE.read_text().split("```mermaid\n")[1].split("\n```")[0]

    assert drawn.splitlines() == diagram()


def test_the_docs_explain_every_state_and_every_change():
    explained = [line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]

    assert [one for one in explained if one in set(S)] == [state.value for state in S]
    assert set(Change) <= set(explained)
