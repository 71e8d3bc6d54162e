"""A link whose peer fell silent is no link."""

import asyncio

import pytest
from link_pipe import Pipe, Recorder

from actors.errors import SettingsError
from actors.link.channel import LinkTimings

QUICK = LinkTimings(heartbeat_interval_s=1.0, silence_limit_s=3.0, handshake_limit_s=1.0)


async def test_a_quiet_link_lives_on():
    pipe = Pipe(Recorder(), Recorder(), timings=QUICK)
    await asyncio.sleep(1000.0)

    assert pipe.caller.is_open
    assert pipe.listener.is_open


async def test_silence_of_the_peer_ends_the_link_on_both_sides():
    pipe = Pipe(Recorder(), Recorder(), timings=QUICK)
    await pipe.settle()
    loop, begin = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    pipe.listener_end.mute = True
    while ("lost",) not in pipe.at_caller.told:
        await asyncio.sleep(0.5)

    assert 3.0 <= loop.time() - begin <= 4.5
    await pipe.settle()
    assert pipe.at_listener.told == [("lost",)]


async def test_any_frame_counts_as_a_sign_of_life():
    pipe = Pipe(Recorder(), Recorder(), timings=QUICK)
    await pipe.settle()
    for _ in range(20):
        pipe.listener.send_credit(1, 1, 1)
        await asyncio.sleep(0.5)
        pipe.listener._timer.cancel()  # no heartbeats of its own

    assert pipe.caller.is_open


async def test_a_peer_that_reads_but_is_not_read_is_given_up_by_itself_alone():
    pipe = Pipe(Recorder(), Recorder(), timings=QUICK)
    await pipe.settle()
    pipe.caller_end.mute = True  # the listener hears nothing, the caller hears all
    await asyncio.sleep(4.5)

    assert pipe.listener_end.aborted
    assert not pipe.caller_end.aborted


async def test_no_heartbeat_is_left_after_the_end():
    pipe = Pipe(Recorder(), Recorder(), timings=QUICK)
    await pipe.settle()
    pipe.caller.close()
    await pipe.settle()
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # it has no public name

    assert [timer for timer in timers if not timer.cancelled()] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"heartbeat_interval_s": 0.0},
        {"heartbeat_interval_s": 10.0},
        {"silence_limit_s": 1.0},
        {"handshake_limit_s": 0.0},
    ],
)
def test_timings_that_make_no_sense_are_refused(wrong: dict[str, float]):
    with pytest.raises(SettingsError):
        LinkTimings(**wrong)
