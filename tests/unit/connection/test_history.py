"""The history against a plain list: what is kept, what is known to be gone, and what a reader sees."""

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.connection.events import Event, EventKind
from actors.connection.history import History

QUICK = settings(max_examples=150, deadline=None)
LIMIT = 100
sizes = st.integers(0, 60)


def event(seq: int, size: int) -> Event:
    return Event(seq, EventKind.UPDATE, bytes([seq % 256]) * size)


class Model:
    """The same as a plain list."""

    def __init__(self, last_seq: int = 0) -> None:
        self.events: list[Event] = []
        self.history = History(LIMIT, last_seq)

    def add(self, size: int) -> None:
        self.events.append(event(self.history.last_seq + 1, size))
        self.history.extend([self.events[-1]])
        if self.total() > LIMIT:
            while len(self.events) > 1 and self.total() > LIMIT - LIMIT // 8:
                self.events.pop(0)

    def total(self) -> int:
        return sum(len(one.message) for one in self.events)

    def after(self, seq: int) -> list[Event]:
        return [one for one in self.events if one.seq > seq]


def filled(lengths: list[int]) -> Model:
    model = Model()
    for size in lengths:
        model.add(size)
    return model


@QUICK
@given(lengths=st.lists(sizes, max_size=60), begun_after=st.integers(0, 1000))
def test_it_keeps_what_it_should_and_knows_the_oldest(lengths: list[int], begun_after: int):
    model = Model(begun_after)
    for size in lengths:
        model.add(size)

    assert list(model.history.after(begun_after)) == model.events
    assert model.history.last_seq == begun_after + len(lengths)
    assert model.history.first_seq == (model.events[0].seq if lengths else begun_after + 1)


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


def test_a_history_that_is_made_anew_begins_after_what_is_committed():
    history = History(LIMIT, 7)
    assert (history.first_seq, history.last_seq) == (8, 7)
    assert list(history.after(0)) == []
    history.extend([event(8, 10)])

    assert (history.first_seq, history.last_seq) == (8, 8)
    assert [one.seq for one in history.after(3)] == [8]


def test_the_newest_event_is_kept_however_large_it_is():
    model = filled([10, 10, 1000])

    assert [one.seq for one in model.history.after(0)] == [3]


def test_trimmed_messages_are_let_go_at_once():
    message = b"x" * 1000
    history = History(LIMIT)
    before = sys.getrefcount(message)
    history.extend([Event(1, EventKind.UPDATE, message)])
    history.extend([Event(2, EventKind.UPDATE, b"y" * LIMIT)])

    assert sys.getrefcount(message) == before


def test_the_list_behind_it_stays_short():
    history = History(LIMIT)
    for seq in range(1, 20_000):
        history.extend([event(seq, 10)])

    assert len(history._events) <= LIMIT // 10
    assert 19_990 <= history.first_seq <= 19_992


def test_not_every_event_leads_to_a_trim():
    history = History(8000)
    firsts = set()
    for seq in range(1, 10_000):
        history.extend([event(seq, 10)])
        firsts.add(history.first_seq)

    assert len(firsts) < 120
