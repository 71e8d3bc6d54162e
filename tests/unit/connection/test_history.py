"""The history against a plain list: what is kept, what is known to be gone, and what a reader sees."""

import gc
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.connection import history as history_module
from actors.connection.events import Event, EventKind
from actors.connection.history import History

QUICK = settings(max_examples=150, deadline=None)
LIMIT = 100
sizes = st.integers(0, 60)


def event(seq: int, size: int) -> Event:
    return Event(seq, EventKind.UPDATE, bytes([seq % 256]) * size)


def kept(events: list[Event]) -> list[Event]:
    """The model: the newest events of together at most LIMIT bytes, and the newest in any case."""
    rest = list(events)
    while len(rest) > 1 and sum(len(one.message) for one in rest) > LIMIT:
        rest.pop(0)
    return rest


def filled(lengths: list[int]) -> tuple[History, list[Event]]:
    history, events = History(LIMIT), [event(n + 1, size) for n, size in enumerate(lengths)]
    for one in events:
        history.append(one)
    return history, events


@QUICK
@given(lengths=st.lists(sizes, max_size=60))
def test_it_keeps_the_newest_and_knows_the_oldest(lengths: list[int]):
    history, events = filled(lengths)
    expected = kept(events)

    assert list(history.after(0)) == expected
    assert history.last_seq == len(events)
    assert history.first_seq == (expected[0].seq if expected else 1)


@QUICK
@given(lengths=st.lists(sizes, max_size=40), after=st.integers(0, 45))
def test_a_reader_gets_what_is_kept_after_its_position(lengths: list[int], after: int):
    history, events = filled(lengths)

    assert list(history.after(after)) == [one for one in kept(events) if one.seq > after]


@QUICK
@given(
    before=st.lists(sizes, max_size=20),
    meanwhile=st.lists(st.lists(sizes, max_size=5), max_size=30),
    after=st.integers(0, 20),
)
def test_a_reader_sees_events_added_and_trimmed_while_it_reads(
    before: list[int], meanwhile: list[list[int]], after: int
):
    history, events = filled(before)
    position, steps = after, iter(meanwhile)
    for found in history.after(after):
        assert found == next(one for one in kept(events) if one.seq > position)
        position = found.seq
        for size in next(steps, []):
            events.append(event(len(events) + 1, size))
            history.append(events[-1])

    assert position >= history.last_seq


def test_the_newest_event_is_kept_however_large_it_is():
    history, events = filled([10, 10, 1000])

    assert list(history.after(0)) == events[2:]


def test_trimmed_messages_are_let_go_at_once():
    message = b"x" * 1000
    history = History(LIMIT)
    before = sys.getrefcount(message)
    history.append(Event(1, EventKind.UPDATE, message))
    history.append(Event(2, EventKind.UPDATE, b"y" * LIMIT))
    gc.collect()

    assert sys.getrefcount(message) == before


def test_the_list_behind_it_stays_short():
    history = History(LIMIT)
    for seq in range(1, 20_000):
        history.append(event(seq, 10))

    assert len(history._events) <= 2 * (history_module._COMPACT_AT + LIMIT)
    assert history.first_seq == 19_990
