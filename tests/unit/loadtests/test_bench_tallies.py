"""What counts the updates: the stamp, the histogram, the sequence, the window."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from loadtests.client_session import Tally
from loadtests.histogram import LatencyHistogram
from loadtests.sequence import SequenceCheck
from loadtests.wire import STAMP_BYTES, Orders, read_stamp, update_template


def test_a_stamp_is_read_back_from_the_update_that_carries_it() -> None:
    payload = update_template("s-1", 64) % (123_456_789_012_345, 42)
    assert read_stamp(payload) == (123_456_789_012_345, 42)


def test_a_stamp_is_found_in_json_that_a_gateway_wrote_anew() -> None:
    payload = update_template("s-1", 64) % (7, 9)
    spaced = json.dumps(json.loads(payload), indent=2).encode()
    assert read_stamp(spaced) == (7, 9)


@pytest.mark.parametrize("size", [STAMP_BYTES, 128, 5000])
def test_an_update_is_json_with_as_much_text_as_was_ordered(size: int) -> None:
    update = json.loads(update_template('50% "a"', size) % (1, 2))
    assert update["params"]["sessionId"] == '50% "a"'
    assert len(update["params"]["update"]["content"]["text"]) == size


def test_a_frame_without_a_stamp_has_none() -> None:
    assert read_stamp(b'{"jsonrpc":"2.0","id":1,"result":{"stopReason":"end_turn"}}') is None


def test_the_longest_clock_reading_fits_the_stamp() -> None:
    assert read_stamp(update_template("s", 64) % (2**63 - 1, 10**10 - 1)) == (2**63 - 1, 10**10 - 1)


@pytest.mark.parametrize(
    "text", ['{"updates":0}', '{"updates":1,"size":1}', '{"updates":1,"wait":3}', "hello"]
)
def test_orders_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(text, type=Orders)


def test_quantiles_are_within_one_percent_of_the_exact_ones() -> None:
    source = random.Random(7)
    values = sorted(int(source.lognormvariate(15, 2)) for _ in range(20_000))
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    for fraction in (0.5, 0.99, 0.999):
        exact_ms = values[int(fraction * len(values)) - 1] / 1e6
        assert histogram.quantile_ms(fraction) == pytest.approx(exact_ms, rel=0.01, abs=0.001)
    assert histogram.quantile_ms(1.0) == values[-1] / 1e6


def test_an_empty_histogram_knows_no_quantile() -> None:
    assert LatencyHistogram().quantile_ms(0.5) is None


def test_a_latency_below_zero_counts_as_zero() -> None:
    histogram = LatencyHistogram()
    histogram.record(-5)
    assert (histogram.count, histogram.quantile_ms(1.0)) == (1, 0)


def test_a_latency_beyond_the_last_bucket_is_counted_in_it() -> None:
    histogram = LatencyHistogram()
    histogram.record(10**18)
    quantile = histogram.quantile_ms(1.0)
    assert histogram.count == 1
    assert quantile is not None
    assert quantile > 3_600_000


def _seen(*numbers: int) -> SequenceCheck:
    check = SequenceCheck()
    for number in numbers:
        check.see(number)
    return check


def test_updates_in_order_are_neither_missing_nor_doubled_nor_reordered() -> None:
    check = _seen(0, 1, 2, 3)
    assert (check.missing(4), check.doubled, check.reordered) == (0, 0, 0)


def test_a_gap_is_missing_until_it_is_filled_and_then_reordered() -> None:
    check = _seen(0, 3)
    assert check.missing(4) == 2
    check.see(1)
    assert (check.missing(4), check.reordered, check.doubled) == (1, 1, 0)


def test_a_number_seen_again_is_doubled() -> None:
    check = _seen(0, 1, 1, 0)
    assert (check.doubled, check.reordered, check.missing(2)) == (2, 0, 0)


def test_a_late_number_that_comes_twice_is_reordered_once_and_doubled_once() -> None:
    check = _seen(0, 2, 1, 1)
    assert (check.doubled, check.reordered) == (1, 1)


def test_a_tail_that_never_came_is_missing() -> None:
    assert _seen(0, 1).missing(5) == 3


def test_an_update_sent_in_the_window_counts_its_latency_even_when_it_arrives_after() -> None:
    tally = Tally(start_ns=1000, end_ns=2000)
    tally.count(now_ns=9000, stamp_ns=1500)
    assert (tally.latency.count, tally.carried) == (1, 0)


def test_an_update_sent_before_the_window_is_carried_when_it_arrives_in_it() -> None:
    tally = Tally(start_ns=1000, end_ns=2000)
    tally.count(now_ns=1500, stamp_ns=500)
    assert (tally.latency.count, tally.carried) == (0, 1)
