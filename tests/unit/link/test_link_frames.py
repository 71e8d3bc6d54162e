"""What is written on one end arrives on the other, once and in order, however the socket cuts it."""

import asyncio
import logging
from dataclasses import asdict

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_pipe import SECRET, Pipe, Recorder

from actors import errors
from actors.kernel.testing import ClockJumpLoop
from actors.link.channel import READ_BUFFER_BYTES, Channel
from actors.link.frames import LENGTHS, FrameKind
from actors.link.greeting import Greeting

TEXT = "hunter2"

streams = st.integers(0, 2**32)
messages = st.binary(max_size=300)
said = st.one_of(
    st.tuples(st.just("data"), streams, messages, st.integers(0, 2**53)),
    st.tuples(st.just("answer"), streams, st.binary(max_size=20), messages),
    st.tuples(st.just("credit"), streams, st.integers(0, 2**31), st.integers(0, 2**40)),
    st.tuples(st.just("open"), streams, st.text(max_size=20), st.just({"method": "session/new"})),
    st.tuples(st.just("moved"), streams, st.text(max_size=40)),
)


def write(channel: Channel, what: tuple[object, ...]) -> None:
    getattr(channel, f"send_{what[0]}")(*what[1:])


@settings(max_examples=60, deadline=None)
@given(script=st.lists(said, max_size=20), cuts=st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_any_cutting_of_the_bytes_gives_the_same_frames(script: list[tuple[object, ...]], cuts: list[int]):
    async def scenario() -> list[tuple[object, ...]]:
        pipe = Pipe(Recorder(), Recorder())
        await pipe.settle()
        begin = len(pipe.caller_end.written)
        pipe.caller_end.mute = True
        for what in script:
            write(pipe.caller, what)
        await pipe.settle()
        rest = bytes(pipe.caller_end.written[begin:])
        sizes = iter(cuts * (len(rest) + 1))
        while rest:
            size = next(sizes)
            pipe.listener_end.feed(rest[:size])
            rest = rest[size:]
        return pipe.at_listener.told

    loop = ClockJumpLoop()
    try:
        assert loop.run_until_complete(scenario()) == script
    finally:
        loop.close()


async def test_frames_of_one_turn_leave_in_one_write(pipe: Pipe, monkeypatch: pytest.MonkeyPatch):
    writes: list[int] = []
    monkeypatch.setattr(pipe.caller_end, "write", lambda data: writes.append(len(data)))
    for _ in range(10):
        pipe.caller.send_data(1, b"x")
    assert writes == []
    await asyncio.sleep(0)

    assert len(writes) == 1


async def test_closing_sends_what_was_written_first(pipe: Pipe):
    pipe.caller.send_data(1, b"last words")
    pipe.caller.close()
    await pipe.settle()

    assert pipe.at_listener.told == [("data", 1, b"last words", 0), ("lost",)]
    assert pipe.at_caller.told == [("lost",)]


async def test_nothing_is_written_after_the_end(pipe: Pipe):
    pipe.caller.close()
    await pipe.settle()
    before = len(pipe.caller_end.written)
    pipe.caller.send_data(1, b"too late")
    await pipe.settle()

    assert len(pipe.caller_end.written) == before
    assert not pipe.caller.is_open


async def test_an_error_keeps_its_class_and_text_over_the_link(pipe: Pipe):
    pipe.listener.send_close(3, errors.SessionNotFoundError("no session ses_1"))
    pipe.listener.send_close(4, errors.WorkerUnavailableError("soon", 2.5))
    await pipe.settle()

    assert pipe.at_caller.told == [
        ("close", 3, errors.SessionNotFoundError, "no session ses_1", None),
        ("close", 4, errors.WorkerUnavailableError, "soon", 2.5),
    ]


async def test_a_greeting_arrives_as_it_was_given(pipe: Pipe):
    greeting = Greeting("session/load", b"{}", "conn_1", "default", reattach=True, pending=(b"1", b'"1"'))
    pipe.caller.send_open(1, "ses_1", asdict(greeting))
    await pipe.settle()
    [(_, _, _, arrived)] = pipe.at_listener.told

    assert isinstance(arrived, dict)
    assert Greeting(**arrived) == greeting


@pytest.mark.parametrize(
    "frame",
    [
        (1, 7),
        (1, 7, b"x"),
        (1, 7, 1, b"x", 1),
        (99, 1),
        ("1", 7, 1, b"x"),
        (None,),
        (),
        {},
        5,
        "x",
        [{}, 1],
        ({"a": 1}, 2),
    ],
    ids=repr,
)
async def test_a_frame_of_no_known_shape_ends_the_link(pipe: Pipe, frame: object):
    pipe.listener_end.feed(msgpack.packb(frame) + msgpack.packb((1, 7, 1, b"behind it")))
    await pipe.settle()

    assert pipe.at_listener.told == [("lost",)]
    assert pipe.at_caller.told == [("lost",)]


async def test_bytes_that_are_no_msgpack_end_the_link(pipe: Pipe):
    pipe.listener_end.feed(b"\xc1")
    await pipe.settle()

    assert pipe.at_listener.told == [("lost",)]


async def test_a_frame_over_the_limit_ends_the_link_and_is_not_kept(pipe: Pipe):
    piece = b"\0" * (READ_BUFFER_BYTES // 4)
    pipe.listener_end.feed(b"\x94\x01\x07\x01\xc6" + (2**31).to_bytes(4, "big"))
    for _ in range(5):
        pipe.listener_end.feed(piece)
    await pipe.settle()

    assert pipe.at_listener.told == [("lost",)]


async def test_a_handler_that_fails_on_a_frame_does_not_end_the_link(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> None:
        raise ValueError(TEXT)

    monkeypatch.setattr(pipe.at_listener, "link_open", fail)
    with caplog.at_level(logging.ERROR):
        pipe.caller.send_open(1, "ses_1", {})
        pipe.caller.send_data(2, b"next")
        await pipe.settle()

    assert pipe.at_listener.told == [("data", 2, b"next", 0)]
    assert "ValueError" in caplog.text
    assert TEXT not in caplog.text, "the text of an error may hold what was handled"


async def test_congestion_is_seen_and_its_end_told(pipe: Pipe):
    pipe.caller.pause_writing()
    assert pipe.caller.congested
    pipe.caller.resume_writing()

    assert not pipe.caller.congested
    assert pipe.at_caller.told == [("writable",)]


async def test_the_end_of_congestion_is_not_told_before_the_handshake():
    handler = Recorder()
    channel = Channel("caller", "replica-1", SECRET, handler)
    channel.pause_writing()
    channel.resume_writing()

    assert handler.told == []


async def test_the_loss_of_a_link_is_told_once(pipe: Pipe):
    pipe.caller.connection_lost(None)
    pipe.caller.connection_lost(ConnectionResetError())

    assert pipe.at_caller.told == [("lost",)]


def test_every_kind_of_frame_has_its_length():
    assert set(LENGTHS) == set(FrameKind)


async def test_what_waits_is_what_was_written_in_this_turn_and_what_the_socket_has_not_sent(pipe: Pipe):
    pipe.caller_end.unsent = 1000
    assert (pipe.caller.queued_frames, pipe.caller.queued_bytes) == (0, 1000)
    pipe.caller.send_data(1, b"x" * 50)
    pipe.caller.send_data(1, b"x" * 50)

    assert pipe.caller.queued_frames == 2
    assert 1100 < pipe.caller.queued_bytes < 1150
    await pipe.settle()
    assert (pipe.caller.queued_frames, pipe.caller.queued_bytes) == (0, 1000)
