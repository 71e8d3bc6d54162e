"""Token buckets: as fast as allowed in the long run, two seconds' worth at once, and little to remember."""

import pytest

from actors.capacity import rates as rates_module
from actors.capacity.rates import BURST_S, Rate


def taken(rate: Rate, moments: list[float], key: str = "k") -> int:
    """How many of those who ask at these moments get a token."""
    count = 0
    for now in moments:
        if rate.wait_s(key, now) == 0.0:
            rate.take(key, now)
            count += 1
    return count


def test_without_a_limit_everything_passes_and_nothing_is_remembered():
    rate = Rate(0.0)
    assert taken(rate, [0.0] * 1000) == 1000
    assert len(rate) == 0


@pytest.mark.parametrize("per_s", [0.1, 0.5, 1.0, 5.0, 100.0])
def test_two_seconds_worth_but_at_least_one_pass_at_once(per_s: float):
    assert taken(Rate(per_s), [0.0] * 1000) == max(1, int(BURST_S * per_s))


@pytest.mark.parametrize("per_s", [0.5, 1.0, 5.0])
def test_in_the_long_run_the_rate_is_kept(per_s: float):
    moments = [number / 50 for number in range(50 * 100)]
    burst = max(1, int(BURST_S * per_s))

    assert taken(Rate(per_s), moments) == pytest.approx(burst + 100 * per_s, abs=1.01)


def test_whoever_waits_as_long_as_it_is_told_gets_a_token():
    rate = Rate(2.0)
    now = 5.0
    for _ in range(20):
        now += rate.wait_s("k", now)
        assert rate.wait_s("k", now) == pytest.approx(0.0, abs=1e-9)
        rate.take("k", now)

    assert now == pytest.approx(5.0 + 16 / 2.0)


def test_one_key_does_not_take_anothers_tokens():
    rate = Rate(1.0)
    assert taken(rate, [0.0] * 10, "one") == 2
    assert taken(rate, [0.0] * 10, "other") == 2


def test_how_many_keys_are_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates_module, "MAX_KEYS", 10)
    rate = Rate(1.0)
    for number in range(100):
        rate.take(f"k{number}", 0.0)

    assert len(rate) == 10
    assert rate.wait_s("k0", 0.0) == 0.0, "the one that took longest ago is forgotten"
    rate.take("later", 50.0)
    assert len(rate) == 1, "full buckets are the first to go"
