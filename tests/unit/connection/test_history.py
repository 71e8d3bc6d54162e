"""The history against a plain list: what is kept, what is known to be gone, and what a reader sees."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.connection import history as history_module
from actors.connection.events import Event, EventKind
from actors.connection.history import History

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LIMIT = 100
LAG = 300
sizes = st.integers(0, 60)


def event(seq: int, size: int) -> Event:
    return Event(seq, EventKind.UPDATE, bytes([seq % 256]) * size)


class Model:
    """The same as a plain list."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.history = History(LIMIT)

    def add(self, size: int, read_up_to: int | None = None) -> None:
        """The next event, when all before it or those up to ``read_up_to`` have been read."""
        last = self.history.last_seq + 1
        self.events.append(event(last, size))
        if self.history.append(self.events[-1]):
            read = last if read_up_to is None else read_up_to
            self.history.trim(read)
            while len(self.events) > 1 and self._is_over(read):
                self.events.pop(0)

    def _is_over(self, read: int) -> bool:
        total = sum(len(one.message) for one in self.events)
        return total > LAG or (total > LIMIT - LIMIT // 8 and self.events[0].seq <= read)

    def after(self, seq: int) -> list[Event]:
        return [one for one in self.events if one.seq > seq]


@pytest.fixture(autouse=True)
def small_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "LAG_BYTES", LAG)


def filled(lengths: list[int]) -> Model:
    model = Model()
    for size in lengths:
        model.add(size)
    return model


@QUICK
@given(steps=st.lists(st.tuples(sizes, st.none() | st.integers(0, 60)), max_size=60))
def test_it_keeps_what_it_should_and_knows_the_oldest(steps: list[tuple[int, int | None]]):
    model = Model()
    for size, read_up_to in steps:
        model.add(size, read_up_to)

    assert list(model.history.after(0)) == model.events
    assert model.history.last_seq == len(steps)
    assert model.history.first_seq == (model.events[0].seq if steps else 1)


@QUICK
@given(lengths=st.lists(sizes, max_size=40), after=st.integers(0, 45))
def test_a_reader_gets_what_is_kept_after_its_position(lengths: list[int], after: int):
    model = filled(lengths)

    assert list(model.history.after(after)) == model.after(after)


@QUICK
@given(
    before=st.lists(sizes, max_size=20),
    meanwhile=st.lists(st.lists(sizes, max_size=5), max_size=30),
    after=st.integers(0, 20),
)
def test_a_reader_sees_events_added_and_trimmed_while_it_reads(
    before: list[int], meanwhile: list[list[int]], after: int
):
    model = filled(before)
    position, steps = after, iter(meanwhile)
    for found in model.history.after(after):
        assert found == model.after(position)[0]
        position = found.seq
        for size in next(steps, []):
            model.add(size)

    assert position >= model.history.last_seq


def test_what_has_not_been_read_is_kept_up_to_a_limit_of_its_own():
    model = Model()
    for _ in range(30):
        model.add(10, read_up_to=5)
    assert model.history.first_seq == 6
    for _ in range(30):
        model.add(10, read_up_to=5)

    assert len(list(model.history.after(0))) == LAG // 10


def test_the_newest_event_is_kept_however_large_it_is():
    model = filled([10, 10, 1000])

    assert [one.seq for one in model.history.after(0)] == [3]


def test_trimmed_messages_are_let_go_at_once():
    message = b"x" * 1000
    history = History(LIMIT)
    before = sys.getrefcount(message)
    history.append(Event(1, EventKind.UPDATE, message))
    history.append(Event(2, EventKind.UPDATE, b"y" * LIMIT))
    history.trim(2)

    assert sys.getrefcount(message) == before


def test_the_list_behind_it_stays_short():
    history = History(LIMIT)
    for seq in range(1, 20_000):
        if history.append(event(seq, 10)):
            history.trim(seq)

    assert len(history._events) <= 2 * (history_module._COMPACT_AT + LIMIT)
    assert 19_990 <= history.first_seq <= 19_992


def test_not_every_event_leads_to_a_trim():
    history = History(8000)
    trims = 0
    for seq in range(1, 10_000):
        if history.append(event(seq, 10)):
            history.trim(seq)
            trims += 1

    assert trims < 120
