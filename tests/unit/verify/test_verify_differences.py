"""Lost, doubled, reordered, invented: each counted on its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from verify_histories import patient

from topology.verify.differences import Differences, compare

sequences = st.lists(st.integers(0, 50), unique=True, min_size=1, max_size=30)


@patient
@given(st.lists(st.integers(0, 3)))
def test_equal_sequences_do_not_differ(values: list[int]) -> None:
    assert compare(values, list(values)) == Differences()


@patient
@given(sequences, st.data())
def test_what_is_missing_is_lost_and_nothing_else(values: list[int], data: st.DataObject) -> None:
    missing = data.draw(st.sets(st.integers(0, len(values) - 1)))
    found = [value for place, value in enumerate(values) if place not in missing]
    assert compare(values, found) == Differences(lost=tuple(sorted(missing)))


@patient
@given(sequences, st.data())
def test_what_comes_again_is_doubled_and_nothing_else(values: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    again = data.draw(st.integers(place + 1, len(values)))
    found = [*values[:again], values[place], *values[again:]]
    assert compare(values, found) == Differences(doubled=(again,))


@patient
@given(sequences, st.data())
def test_one_that_moved_is_one_reordered(values: list[int], data: st.DataObject) -> None:
    start, end = (data.draw(st.integers(0, len(values) - 1)) for _ in range(2))
    found = list(values)
    found.insert(end, found.pop(start))
    differences = compare(values, found)
    assert len(differences.reordered) == (start != end)
    assert (differences.lost, differences.doubled, differences.invented) == ((), (), ())


@patient
@given(sequences, st.data())
def test_what_was_never_expected_is_invented(values: list[int], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values)))
    assert compare(values, [*values[:place], 99, *values[place:]]) == Differences(invented=(place,))


@patient
@given(sequences, sequences)
def test_every_value_is_accounted_for(expected: list[int], found: list[int]) -> None:
    differences = compare(expected, found)
    extra = len(differences.doubled) + len(differences.invented)
    assert len(expected) - len(differences.lost) == len(found) - extra
    assert len(differences.reordered) < max(1, len(expected) - len(differences.lost))


def test_a_reversed_sequence_keeps_one_in_its_place() -> None:
    assert len(compare([1, 2, 3, 4], [4, 3, 2, 1]).reordered) == 3
