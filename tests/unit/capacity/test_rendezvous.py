"""Where workspaces go: evenly, and where they were as long as the same workers are there."""

import pytest

from actors.capacity.rendezvous import LOAD_FACTOR, Candidate, choose, rank

WORKERS = tuple(f"worker-{number}" for number in range(10))


def spread(keys: list[str], workers: tuple[str, ...], capacity: int = 10_000) -> dict[str, str]:
    """Where each key goes if one session of each comes after the other."""
    loads = dict.fromkeys(workers, 0)
    homes: dict[str, str] = {}
    for key in keys:
        home = choose(key, [Candidate(name, load, capacity) for name, load in loads.items()])
        assert home is not None
        loads[home] += 1
        homes[key] = home
    return homes


KEYS = [f"tenant/ws-{number}" for number in range(2000)]


def test_a_key_goes_to_the_same_worker_whatever_the_order_they_are_named_in():
    candidates = [Candidate(name, 0, 10) for name in WORKERS]

    assert {choose("k", candidates), choose("k", candidates[::-1])} == {choose("k", candidates)}


def test_a_full_worker_is_passed_over_and_if_all_are_full_there_is_none():
    assert choose("k", [Candidate("a", 1, 1), Candidate("b", 0, 1)]) == "b"
    assert choose("k", [Candidate("a", 1, 1), Candidate("b", 1, 1)]) is None
    assert choose("k", []) is None


def test_where_only_one_has_room_it_gets_all_whatever_its_share():
    assert choose("k", [Candidate("a", 90, 100), Candidate("b", 5, 5)]) == "a"


@pytest.mark.parametrize("capacities", [(100, 100, 100), (10, 50, 400)])
def test_no_worker_is_above_its_fair_share_by_more_than_the_factor(capacities: tuple[int, ...]):
    loads = [0] * len(capacities)
    for number in range(200):
        candidates = [Candidate(str(at), loads[at], capacities[at]) for at in range(len(capacities))]
        home = choose(f"k{number}", candidates)
        assert home is not None
        loads[int(home)] += 1
        share = LOAD_FACTOR * (number + 1) * capacities[int(home)] / sum(capacities)
        assert loads[int(home)] <= share + 1


def test_a_worker_that_joins_moves_only_what_it_gets():
    before = spread(KEYS, WORKERS)
    after = spread(KEYS, (*WORKERS, "worker-10"))
    moved = [key for key in KEYS if before[key] != after[key]]

    assert len(moved) / len(KEYS) <= 1 / 11 + 0.05


def test_a_worker_that_leaves_moves_only_what_it_had():
    before = spread(KEYS, WORKERS)
    after = spread(KEYS, WORKERS[:-1])
    moved = [key for key in KEYS if before[key] != after[key]]

    assert len(moved) / len(KEYS) <= 1 / 10 + 0.05


def test_ranks_depend_on_both_the_key_and_the_worker():
    names = [f"n{number}" for number in range(50)]
    assert len({rank(key, worker) for key in names for worker in names}) == 2500
