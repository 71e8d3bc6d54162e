"""The sliding window agrees with a list of all samples that ever were, whatever the clock does."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.migration.samples import Gathered, replay
from actors.migration.window import SPAN_S, SuccessWindow

HISTORIES = 10_000


class EverySample:
    """The definition, taken at its word: all samples, each with its second."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, bool]] = []
        self.newest: int | None = None

    def at(self, moment: float) -> int:
        second = int(moment)
        if self.newest is not None and second < self.newest:
            if self.newest - second <= SPAN_S:
                return self.newest
            self.samples.clear()
        self.newest = second
        return second

    def note(self, moment: float, ok: bool) -> None:
        self.samples.append((self.at(moment), ok))

    def counts(self, moment: float) -> tuple[int, int]:
        now = self.at(moment)
        within = [ok for second, ok in self.samples if now - SPAN_S < second <= now]
        return sum(within), len(within) - sum(within)


EDGES = (0.0, 1.0, SPAN_S - 1.0, SPAN_S - 0.5, float(SPAN_S), SPAN_S + 1.0, -float(SPAN_S), -SPAN_S - 1.0)
ACTS = ("good", "bad", "good", "count", "good", "failover", "bad", "good")


def history_in(drawn: bytes) -> Iterator[tuple[float, int]]:
    """What two bytes an event say: a step of the clock, seconds, and a number that says what happens.

    The clock goes on a little, or a lot, or over an edge of the window, or back.
    """
    for how, what in zip(drawn[::2], drawn[1::2], strict=False):
        much = how >> 2
        step = (much / 20, much * 30.0, EDGES[much % len(EDGES)], -much * 120.0)[how & 3]
        yield step, what


def test_it_counts_what_the_definition_counts_in_ten_thousand_histories():
    chance = Random(2026)
    for _ in range(HISTORIES):
        agrees(chance.randbytes(2 * chance.randint(0, 40)))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80))
def test_it_counts_what_the_definition_counts_whatever_is_tried_to_prove_it_wrong(drawn: bytes):
    agrees(drawn)


def agrees(drawn: bytes) -> None:
    """Whichever process has the window: in a failover it is dumped and restored."""
    window, model, now = SuccessWindow(), EverySample(), 1_000_000.0
    for step, what in history_in(drawn):
        now += step
        act = ACTS[what % len(ACTS)]
        if act == "failover":
            window = SuccessWindow.restore(window.dump())
        elif act == "count":
            assert window.counts(now) == model.counts(now)
        else:
            window.note(now, ok=act == "good")
            model.note(now, act == "good")
    assert window.counts(now) == model.counts(now)
    assert SuccessWindow.restore(window.dump()).counts(now) == model.counts(now)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60))
def test_samples_that_were_journalled_make_the_same_windows_again(drawn: bytes):
    windows = SuccessWindow(), SuccessWindow()
    journal: list[bytes] = []
    gathered, now = Gathered(), 1_000_000.0
    for step, what in history_in(drawn):
        now += step
        ok, is_probe, is_written = bool(what & 1), bool(what & 2), bool(what & 4)
        gathered.add(windows[is_probe].note(now, ok=ok), ok=ok, is_probe=is_probe)
        if is_written:
            journal.append(gathered.take())
    journal.append(gathered.take())

    restored = SuccessWindow(), SuccessWindow()
    for payload in journal:
        replay(payload, *restored)

    assert [one.dump() for one in restored] == [one.dump() for one in windows]


def test_a_sample_counts_for_exactly_an_hour():
    window = SuccessWindow()
    window.note(1000.9, ok=False)

    assert window.counts(1000.0 + SPAN_S - 0.001) == (0, 1)
    assert window.counts(1000.0 + SPAN_S) == (0, 0)


def test_a_clock_that_goes_back_loses_nothing_and_one_that_is_another_begins_anew():
    window = SuccessWindow()
    window.note(10_000.0, ok=True)

    assert window.counts(10_000.0 - SPAN_S) == (1, 0)
    assert window.counts(10_000.0 - SPAN_S - 1) == (0, 0)


def test_it_keeps_one_entry_a_second_and_dumps_few_bytes_a_second():
    window = SuccessWindow()
    for number in range(100_000):
        window.note(50_000.0 + number / 20, ok=number % 100 != 0)

    packed = window.dump()
    assert (len(packed) - 1) / 3 == SPAN_S
    assert len(msgspec.msgpack.encode(packed)) < 4 * SPAN_S


def test_what_is_gathered_within_a_second_is_one_group_of_numbers():
    gathered, window, probes = Gathered(), SuccessWindow(), SuccessWindow()
    for ok in (True, True, False):
        gathered.add(77, ok=ok, is_probe=False)
    gathered.add(77, ok=False, is_probe=True)

    payload = gathered.take()

    assert not gathered
    assert len(payload) == 6
    replay(payload, window, probes)
    assert (window.counts(77), probes.counts(77)) == ((2, 1), (0, 1))
