"""Server-sent events, cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.agents.sse import EventReader
from actors.errors import FrameTooLargeError

_ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
_TEXT = st.text(max_size=30).filter(lambda text: not set(text) & {"\n", "\r"}).map(str.encode)
_NOISE = st.sampled_from([b": keepalive", b"event: message", b"id: 7", b"retry", b"unknown: x"])


@st.composite
def _streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    end = draw(_ENDS)
    wire, events = b"", []
    for parts in draw(st.lists(st.lists(_TEXT, min_size=1, max_size=3), max_size=6)):
        for part in parts:
            wire += draw(_NOISE) + end + b"data: " + part + end
        wire += end
        events.append(b"\n".join(parts))
    return wire, events


@given(_streams(), st.lists(st.integers(min_value=0), max_size=30))
def test_events_arrive_whole_once_and_in_order_however_they_are_cut(
    stream: tuple[bytes, list[bytes]], cuts: list[int]
) -> None:
    wire, events = stream
    places = [0, *sorted(cut % (len(wire) + 1) for cut in cuts), len(wire)]
    reader = EventReader(1000)
    got: list[bytes] = []
    for start, end in pairwise(places):
        got += reader.feed(wire[start:end])
    assert got == events


@given(_streams())
def test_events_arrive_byte_by_byte(stream: tuple[bytes, list[bytes]]) -> None:
    wire, events = stream
    reader = EventReader(1000)
    assert _feed_bytes(reader, wire) == events


@pytest.mark.parametrize(
    ("wire", "events"),
    [
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data:a\ndata:  b\ndata\n\n", [b"a\n b\n"]),
        (b": only a comment\n\n", []),
        (b"data: cut off", []),
        (b"data: cut off\n", []),
        (b"\r\n\r\ndata: a\r\n\r\n", [b"a"]),
    ],
)
def test_the_standards_corner_cases(wire: bytes, events: list[bytes]) -> None:
    assert list(EventReader(1000).feed(wire)) == events


@pytest.mark.parametrize("wire", [b"data: 12345\n\n", b"data: 12345", b"data: 12\ndata: 45\n\n", b":" * 99])
def test_an_event_over_the_limit_is_refused_before_it_ends(wire: bytes) -> None:
    reader = EventReader(4)
    with pytest.raises(FrameTooLargeError):
        _feed_bytes(reader, wire)


def _feed_bytes(reader: EventReader, wire: bytes) -> list[bytes]:
    return [event for byte in wire for event in reader.feed(bytes([byte]))]
