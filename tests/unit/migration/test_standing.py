"""How a workspace is judged, in simulated time: rolled back, tried again, returned; never to and fro."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standing_world import MINUTE, World

from actors.migration.policy import Policy
from actors.migration.states import ProtocolState as S
from actors.protocol.agent_protocol import AgentProtocol


def test_a_workspace_below_the_threshold_is_rolled_back_once_there_are_enough_samples():
    world = World()
    world.notes("g" * 18 + "b")
    assert world.state is S.ACP

    world.note(ok=True)

    assert world.state is S.ROLLED_BACK
    assert world.protocol is AgentProtocol.HTTP


def test_exactly_the_threshold_is_good_enough():
    world = World()
    world.notes("g" * 99 + "b")
    assert world.state is S.ACP

    world.note(ok=False)
    assert world.state is S.ROLLED_BACK


def test_what_happened_an_hour_ago_does_not_count():
    world = World()
    world.notes("b" * 19)
    world.passes(61 * MINUTE)
    world.notes("g" * 20)

    assert world.state is S.ACP


@pytest.mark.parametrize(
    "policy", [Policy(automatic_rollback=False), Policy(min_samples=100), Policy(threshold=0.5)]
)
def test_the_policy_says_what_is_rolled_back(policy: Policy):
    world = World(policy)
    world.notes("g" * 20 + "b" * 10)

    assert world.state is S.ACP


def test_without_a_way_over_http_nothing_is_rolled_back_by_itself():
    world = World(ways=frozenset({AgentProtocol.ACP}))
    world.notes("b" * 100)

    assert world.state is S.ACP


def test_after_the_cool_down_probes_bring_it_back():
    world = World()
    world.fails()
    world.passes(10 * MINUTE - 1)
    assert world.state is S.ROLLED_BACK
    world.passes(1)
    assert world.state is S.HALF_OPEN

    world.notes("g" * 19, is_probe=True)
    assert world.state is S.HALF_OPEN
    world.note(ok=True, is_probe=True)

    assert world.state is S.MOVING
    world.all_come_over()
    assert world.state is S.ACP


def test_a_bad_probe_ends_the_trial_at_once_and_doubles_the_cool_down():
    world = World()
    world.fails()
    for minutes in (10, 20, 40, 80, 160, 160, 160):
        world.passes(minutes * MINUTE - 1)
        assert world.state is S.ROLLED_BACK
        world.passes(1)
        assert world.state is S.HALF_OPEN
        world.note(ok=False, is_probe=True)
        assert world.state is S.ROLLED_BACK
    assert world.standing.record.cool_down_s == 160 * MINUTE


def test_a_workspace_that_fails_again_soon_cools_down_longer_and_one_that_stood_an_hour_does_not():
    world = World()
    world.fails()
    world.returns_by_itself()
    world.passes(10 * MINUTE)
    world.fails()
    assert world.standing.record.cool_down_s == 20 * MINUTE

    world.passes(20 * MINUTE)
    world.returns_by_itself()
    world.passes(60 * MINUTE)
    world.fails()
    assert world.standing.record.cool_down_s == 10 * MINUTE


def test_in_half_open_a_share_of_the_sessions_tries_acp_and_each_keeps_its_answer():
    world = World(Policy(probe_share=0.25))
    world.fails()
    world.passes(10 * MINUTE)
    chosen = {f"s{number}": world.standing.choose(f"s{number}") for number in range(100)}

    probes = [one for one in chosen.values() if one.is_probe]
    assert len(probes) == 25
    assert chosen["s0"].is_probe
    assert all(one.protocol is AgentProtocol.ACP for one in probes)
    assert chosen == {name: world.standing.choose(name) for name in chosen}


def test_without_a_probe_share_it_stays_until_somebody_returns_it():
    world = World(Policy(probe_share=0.0))
    world.fails()
    world.passes(1000 * MINUTE)
    assert world.state is S.ROLLED_BACK

    world.give_back()
    assert world.state is S.MOVING


def test_a_session_that_fell_back_stays_on_http_until_the_workspace_returns():
    world = World()
    world.standing.fell_back("s1")
    assert world.standing.choose("s1").protocol is AgentProtocol.HTTP
    assert world.standing.choose("s2").protocol is AgentProtocol.ACP

    world.pin()
    world.give_back()
    assert world.standing.choose("s1").protocol is AgentProtocol.ACP


def test_a_pinned_workspace_stays_pinned_whatever_happens():
    world = World()
    world.pin()
    world.notes("g" * 100)
    world.passes(10_000 * MINUTE)

    assert world.state is S.PINNED_HTTP


def test_a_return_for_later_comes_at_its_moment():
    world = World()
    world.pin()
    world.give_back(in_s=3600)
    assert (world.state, world.standing.due_s()) == (S.PINNED_HTTP, world.now + 3600)
    world.passes(3599)
    assert world.state is S.PINNED_HTTP

    world.passes(1)
    assert world.state is S.MOVING
    assert world.migrations()[-1]["trigger"] == "scheduled"


def test_a_pin_takes_a_return_for_later_back():
    world = World()
    world.pin()
    world.give_back(in_s=3600)
    world.give_back()
    world.pin()
    world.passes(2 * 3600)

    assert world.state is S.PINNED_HTTP


def test_a_clock_that_jumps_back_a_day_delays_no_probe_by_more_than_the_cool_down():
    world = World()
    world.fails()
    world.passes(-24 * 3600)
    assert world.state is S.ROLLED_BACK
    world.passes(10 * MINUTE)

    assert world.state is S.HALF_OPEN


def test_the_rollout_moves_a_workspace_when_its_turn_has_come():
    policy = Policy(default_protocol=AgentProtocol.HTTP)
    world = World(policy)
    assert world.state is S.HTTP

    world.standing.policy = Policy(migration_enabled=True, phase="automatic", version=1)
    world.judge()
    assert (world.state, world.standing.is_reached(world.now)) == (S.HTTP, True)
    world.standing.is_admitted = True
    world.judge()

    assert world.state is S.MOVING


# ---------------------------------------------------------------------- any history

EVENTS = st.one_of(
    st.tuples(st.just("good"), st.integers(1, 40)),
    st.tuples(st.just("bad"), st.integers(1, 40)),
    st.tuples(st.just("pass"), st.integers(1, 3 * 3600)),
    st.tuples(st.just("failover"), st.just(0)),
    st.tuples(st.just("over"), st.just(0)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(EVENTS, max_size=60))
def test_whatever_happens_it_changes_its_protocol_once_in_a_cool_down_at_most(history: list[tuple[str, int]]):
    world = World()
    changes: list[float] = []
    for event, much in history:
        for _ in range(much if event in ("good", "bad") else 1):
            before = world.protocol
            world.step(event, much)
            if world.protocol is not before:
                changes.append(world.now)
    gaps = [later - earlier for earlier, later in pairwise(changes)]
    assert all(gap >= world.standing.policy.cool_down_s for gap in gaps)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(EVENTS, st.tuples(st.sampled_from(["pin", "return"]), st.just(0))), max_size=40))
def test_a_standing_that_is_restored_goes_on_as_one_that_was_not(history: list[tuple[str, int]]):
    one, other = World(), World()
    for event, much in history:
        for _ in range(much if event in ("good", "bad") else 1):
            one.step(event, much)
            if event != "failover":
                other.step(event, much)
        assert (one.state, one.standing.due_s()) == (other.state, other.standing.due_s())
        assert one.standing.metrics(one.now) == other.standing.metrics(other.now)
