from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from topology.membership import Member, MemberState, Plan, plan

PLACES = 100


def member(number: int, sessions: int = 0, state: MemberState = MemberState.ALIVE) -> Member:
    return Member(f"worker-{number}", state, sessions)


def test_missing_workers_get_the_lowest_free_numbers() -> None:
    assert plan([member(1), member(3)], 4, PLACES) == Plan(start=["worker-0", "worker-2"])


def test_a_worker_on_its_way_out_does_not_count_and_keeps_its_name() -> None:
    found = plan([member(0), member(1, 5, MemberState.RETIRING)], 2, PLACES)

    assert found == Plan(start=["worker-2"])


def test_the_emptiest_goes_first_and_of_those_the_youngest() -> None:
    members = [member(0, 5), member(1, 0), member(2, 9), member(3, 0)]

    assert plan(members, 2, PLACES).retire == ["worker-3", "worker-1"]


def test_one_that_has_not_started_goes_before_one_that_runs() -> None:
    assert plan([member(0), member(1, state=MemberState.STARTING)], 1, PLACES).retire == ["worker-1"]


def test_a_worker_that_is_drained_already_is_never_picked() -> None:
    members = [member(0, 50), member(1, 0, MemberState.DRAINING), member(2, 20)]

    assert plan(members, 2, PLACES).retire == ["worker-2"]
    assert plan([member(0, 0, MemberState.DRAINING)], 0, PLACES) == Plan()


def test_none_goes_for_whose_sessions_there_is_no_room() -> None:
    assert plan([member(0, 60), member(1, 60)], 1, PLACES) == Plan()
    assert plan([member(0, 60), member(1, 40)], 1, PLACES).retire == ["worker-1"]


def test_sessions_of_workers_on_their_way_out_need_room_too() -> None:
    leaving = member(2, 30, MemberState.RETIRING)

    assert plan([member(0, 60), member(1, 20), leaving], 1, PLACES) == Plan()


states = st.sampled_from(list(MemberState))


@given(
    st.lists(st.tuples(st.integers(0, 100), states), max_size=12),
    st.integers(1, 12),
)
def test_a_plan_never_starts_and_retires_nor_goes_beyond_what_is_wanted(
    fares: list[tuple[int, MemberState]], wanted: int
) -> None:
    members = [member(number, sessions, state) for number, (sessions, state) in enumerate(fares)]
    staying = {one.worker_id for one in members if one.state is not MemberState.RETIRING}

    found = plan(members, wanted, PLACES)

    assert not (found.start and found.retire)
    assert len(set(found.start)) == len(found.start)
    assert not {one.worker_id for one in members} & set(found.start)
    assert len(staying) + len(found.start) <= max(wanted, len(staying))
    assert len(staying) - len(found.retire) >= min(wanted, len(staying))
    kept = [one for one in members if one.worker_id not in found.retire and one.state is MemberState.ALIVE]
    if found.retire:
        assert sum(one.sessions for one in members) <= PLACES * len(kept)
        assert set(found.retire) <= staying
