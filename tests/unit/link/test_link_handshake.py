"""Who gets onto a link, and what becomes of those who do not."""

import asyncio

import msgpack
import pytest
from link_pipe import SECRET, Pipe, Recorder, Stranger

from actors.errors import LinkBrokenError
from actors.link import secret
from actors.link.channel import STRANGER_BYTES, LinkTimings
from actors.link.frames import LINK_VERSION, FrameKind

NONCE = b"n" * secret.NONCE_BYTES


def hello(nonce: bytes = NONCE, proof: bytes = b"", version: object = LINK_VERSION, name: object = "x"):
    return (int(FrameKind.HELLO), version, name, nonce, proof)


def proof_for(stranger: Stranger, role: str = "caller") -> bytes:
    """What a peer in ``role`` that knows the secret answers to the channel's challenge."""
    challenge = stranger.heard()[0][3]
    assert isinstance(challenge, bytes)
    return secret.proof(SECRET, role, NONCE, challenge)


async def test_both_ends_learn_each_others_names(pipe: Pipe):
    assert (pipe.caller.peer_name, pipe.listener.peer_name) == ("worker-1", "replica-1")


async def test_a_wrong_secret_is_cut_off_on_both_sides():
    pipe = Pipe(Recorder(), Recorder(), secrets=(SECRET, "another"))
    waiting = [asyncio.ensure_future(end.wait_ready()) for end in (pipe.caller, pipe.listener)]
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [LinkBrokenError, LinkBrokenError]
    assert pipe.caller_end.over
    assert pipe.listener_end.over
    assert not pipe.caller.is_open
    assert not pipe.listener.is_open


async def test_handlers_hear_nothing_of_a_link_that_never_was():
    pipe = Pipe(Recorder(), Recorder(), secrets=(SECRET, "another"))
    await pipe.settle()

    assert pipe.at_caller.told == pipe.at_listener.told == []


async def test_the_secret_itself_is_never_sent(pipe: Pipe):
    assert SECRET.encode() not in pipe.caller_end.written + pipe.listener_end.written
    assert SECRET not in repr(pipe.caller)


async def test_a_peer_with_the_secret_is_let_in():
    stranger = Stranger()
    await stranger.say(hello())
    await stranger.say(hello(proof=proof_for(stranger)), (int(FrameKind.DATA), 7, 0, b"first words"))

    assert stranger.channel.is_open
    assert stranger.handler.told == [("data", 7, b"first words", 0)]


@pytest.mark.parametrize("frame", [(1, 7, 0, b"x"), (6, 1, "profile", {}), (9, 1.0), (3, 1, "s", {})])
async def test_nothing_is_handled_before_the_proof(frame: tuple[object, ...]):
    stranger = Stranger()
    await stranger.say(hello(), frame)
    await stranger.say(hello(proof=b"0" * 32), frame)

    assert stranger.handler.told == []
    assert stranger.end.aborted
    assert {heard[0] for heard in stranger.heard()} == {FrameKind.HELLO}


async def test_one_wrong_proof_ends_it_even_if_the_right_one_follows_in_the_same_piece():
    stranger = Stranger()
    await stranger.say(hello())
    right = proof_for(stranger)
    await stranger.say(hello(proof=b"0" * 32), hello(proof=right), (int(FrameKind.DATA), 7, 0, b"x"))

    assert not stranger.channel.is_open
    assert stranger.handler.told == []


async def test_our_own_proof_sent_back_is_no_proof():
    stranger = Stranger()
    await stranger.say(hello())
    ours = stranger.heard()[1]
    await stranger.say((*hello()[:4], ours[4]))

    assert ours[4], "it was our proof"
    assert stranger.end.aborted


async def test_our_own_challenge_sent_back_is_answered_with_the_end():
    stranger = Stranger()
    await asyncio.sleep(0)
    await stranger.say(stranger.heard()[0])

    assert stranger.end.aborted
    assert len(stranger.heard()) == 1, "no proof was made for it"


async def test_a_listeners_proof_does_not_open_the_way_to_a_listener():
    stranger = Stranger()
    await stranger.say(hello())
    await stranger.say(hello(proof=proof_for(stranger, role="listener")))

    assert stranger.end.aborted


async def test_a_proof_counts_for_the_challenge_it_was_made_for_only():
    first, second = Stranger(), Stranger()
    await first.say(hello())
    await second.say(hello())
    await second.say(hello(proof=proof_for(first)))

    assert second.end.aborted


async def test_a_proof_without_a_challenge_before_it_is_refused():
    stranger = Stranger()
    await asyncio.sleep(0)
    await stranger.say(hello(proof=proof_for(stranger)))

    assert stranger.end.aborted


async def test_a_second_challenge_is_refused():
    stranger = Stranger()
    await stranger.say(hello(), hello(nonce=b"m" * secret.NONCE_BYTES))

    assert stranger.end.aborted
    assert len(stranger.heard()) <= 2, "a peer gets one proof, not one a guess"


async def test_a_name_may_not_change_between_challenge_and_proof():
    stranger = Stranger()
    await stranger.say(hello(name="a"))
    await stranger.say(hello(name="b", proof=proof_for(stranger)))

    assert stranger.end.aborted


async def test_shaking_hands_again_later_ends_the_link(pipe: Pipe):
    pipe.listener_end.feed(msgpack.packb(hello()))
    await pipe.settle()

    assert ("lost",) in pipe.at_listener.told
    assert pipe.caller_end.over


@pytest.mark.parametrize(
    "frame",
    [
        hello(version=LINK_VERSION - 1),
        hello(version=LINK_VERSION + 1),
        hello(version="1"),
        hello(nonce=b"short"),
        hello(nonce=b"n" * 64),
        hello(name=5),
        hello(name="x" * 10_000),
        hello()[:4],
        (*hello(), 1),
        (),
        {},
        {"kind": 0},
        [[]],
        None,
        0,
        "HELLO",
    ],
    ids=repr,
)
async def test_what_is_no_hello_ends_the_link(frame: object):
    stranger = Stranger()
    await stranger.say(frame)

    assert stranger.end.aborted
    assert stranger.handler.told == []


@pytest.mark.parametrize("data", [b"\xc1", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\0" * 200, b"{}\n"])
async def test_bytes_of_another_protocol_end_the_link(data: bytes):
    stranger = Stranger()
    await stranger.say_bytes(data)

    assert stranger.end.aborted


async def test_a_stranger_cannot_make_us_keep_more_than_a_little():
    stranger = Stranger()
    await stranger.say_bytes(b"\xc6\x03\xff\xff\xff")  # the head of 64 MiB of bytes
    for _ in range(10):
        await stranger.say_bytes(b"\0" * (STRANGER_BYTES // 4))

    assert stranger.end.aborted


async def test_a_large_first_message_right_behind_the_proof_is_no_strangers():
    stranger = Stranger()
    await stranger.say(hello())
    await stranger.say(hello(proof=proof_for(stranger)), (int(FrameKind.DATA), 1, 0, b"x" * 100_000))

    assert stranger.channel.is_open
    assert len(stranger.handler.told) == 1


async def test_a_peer_that_says_nothing_is_cut_off_in_time():
    stranger = Stranger()
    loop = asyncio.get_running_loop()
    with pytest.raises(LinkBrokenError):
        await stranger.channel.wait_ready()

    assert loop.time() == pytest.approx(5.0)
    assert stranger.end.aborted


async def test_a_handshake_that_nobody_waits_for_ends_too():
    stranger = Stranger(timings=LinkTimings(handshake_limit_s=1.0))
    await asyncio.sleep(1.1)

    assert stranger.end.aborted
