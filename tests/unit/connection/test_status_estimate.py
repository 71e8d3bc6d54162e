"""How long a turn may still take: held against a plain count of the turns that were."""

from hypothesis import given
from hypothesis import strategies as st

from actors.connection.status.estimate import MIN_LONGER, MIN_TURNS, estimate
from actors.connection.status.times import TurnTimes

TIMES = st.lists(st.integers(0, 10_000), max_size=40)
ELAPSED = st.integers(0, 10_000)


def least_covering(left: list[int], share: float) -> int:
    """The least of some numbers that at least ``share`` of them do not exceed, found by trying each."""
    return min(one for one in left if sum(other <= one for other in left) >= share * len(left) - 1e-9)


@given(TIMES, ELAPSED)
def test_it_is_what_a_plain_count_of_the_longer_turns_says(times: list[int], elapsed: int):
    left = [took - elapsed for took in times if took > elapsed]
    found = estimate(times, elapsed)

    if len(times) < MIN_TURNS or len(left) < MIN_LONGER:
        assert found is None
        return
    assert found is not None
    assert found.basis == len(left)
    assert found.remaining_ms == least_covering(left, 0.5)
    assert found.low_ms == least_covering(left, 0.1)
    assert found.high_ms == least_covering(left, 0.9)


@given(TIMES, ELAPSED, st.floats(0.0, 1.0))
def test_it_lies_in_its_range_and_never_in_the_past(times: list[int], elapsed: int, done: float):
    found = estimate(times, elapsed, done)

    if found is not None:
        assert 0 <= found.low_ms <= found.remaining_ms <= found.high_ms


def test_a_plan_that_is_nearly_done_outweighs_the_history():
    hours = [3_600_000 + second for second in range(10)]
    found = estimate(hours, 90_000, done=0.9)
    plain = estimate(hours, 90_000)

    assert found is not None
    assert plain is not None
    assert found.remaining_ms < plain.remaining_ms / 5
    assert found.low_ms < found.remaining_ms < found.high_ms


def test_a_turn_that_takes_longer_than_nearly_all_before_has_no_estimate():
    assert estimate(range(1000, 1064), 1061) is None
    assert estimate(range(1000, 1064), 1060) is not None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9))), st.integers(1, 8))
def test_the_last_turns_are_kept_each_once(turns: list[tuple[int, int]], most: int):
    known = TurnTimes(most)
    for turn in turns:
        known.learn((turn,))
    known.learn(known.turns)

    assert list(known.turns) == sorted(set(turns))[-most:]


def test_a_workspace_learns_every_turn_of_its_sessions():
    workspace, one, two = TurnTimes(64), TurnTimes(16, [(1, 10)]), TurnTimes(16, [(2, 20)])
    for session in (one, two, one):
        session.share(workspace)
    two.note(0.03)

    assert workspace.took_ms() == [10, 20, 30]
    assert (one.took_ms(), two.took_ms()) == ([10], [20, 30])
