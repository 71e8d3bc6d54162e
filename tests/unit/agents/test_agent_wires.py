"""What holds on every wire: messages arrive whole, once and in order, and the end is told once."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from http_peer import HttpPeer
from websockets.asyncio.server import ServerConnection
from wires import Recorder, asgi_server, websocket_server

from actors.agents.dial import dial
from actors.agents.link import AgentLink, DialOptions
from actors.agents.target import AgentTarget
from actors.errors import AgentClosedError, FrameTooLargeError

WIRES = ["websocket", "http", "stdio"]
_DEFAULTS = DialOptions()
INITIALIZE = b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}'


@asynccontextmanager
async def echoing_agent(
    wire: str, recorder: Recorder, options: DialOptions = _DEFAULTS
) -> AsyncIterator[AgentLink]:
    """A link to an agent that sends every message back; for HTTP, ``initialize`` is done already."""
    if wire == "stdio":
        link = await dial(AgentTarget.parse("stdio:cat"), recorder, options)
        yield link
        await link.close()
    elif wire == "websocket":
        async with websocket_server(_echo) as url:
            link = await dial(AgentTarget.parse(url), recorder, options)
            yield link
            await link.close()
    else:
        async with asgi_server(HttpPeer(echo=True).app()) as port:
            link = await dial(AgentTarget.parse(f"http://127.0.0.1:{port}/acp"), recorder, options)
            link.send(INITIALIZE)
            await recorder.frame(0)
            recorder.frames.clear()
            yield link
            await link.close()


async def _echo(socket: ServerConnection) -> None:
    async for message in socket:
        text = message if isinstance(message, str) else message.decode()
        cut = len(text) // 2
        # Every other message comes back in fragments.
        await socket.send([text[:cut], text[cut:]] if cut % 2 else text)


def _messages(seed: int, count: int, largest: int) -> list[bytes]:
    chance = random.Random(seed)
    alphabet = [*map(chr, range(0x20, 0x7F)), "\n", "\r", "\u2028", "é", "漢", "🙂", "\x00"]
    messages = []
    for number in range(count):
        size = int(largest ** chance.random())
        text = "".join(chance.choices(alphabet, k=min(size, 300))) * (1 + size // 300)
        message = {"jsonrpc": "2.0", "method": "x", "params": [number, text[:size]]}
        messages.append(json.dumps(message, ensure_ascii=chance.random() < 0.5).encode())
    return messages


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("wire", WIRES)
async def test_messages_of_any_size_arrive_whole_once_and_in_order(wire: str, seed: int) -> None:
    recorder = Recorder()
    messages = _messages(seed, count=120, largest=200_000)
    async with echoing_agent(wire, recorder) as link:
        for number, message in enumerate(messages):
            link.send(message)
            if number % 20 == 19:
                await recorder.frame(number)
        await recorder.frame(len(messages) - 1)
    assert recorder.frames == messages
    assert recorder.frames_after_closed == 0


@pytest.mark.parametrize("wire", WIRES)
async def test_a_message_that_was_printed_prettily_arrives_as_one(wire: str) -> None:
    recorder = Recorder()
    async with echoing_agent(wire, recorder) as link:
        link.send(json.dumps({"jsonrpc": "2.0", "method": "x", "params": ["a\nb"]}, indent=2).encode())
        await recorder.frame(0)
    assert json.loads(recorder.frames[0])["params"] == ["a\nb"]


@pytest.mark.parametrize("wire", WIRES)
async def test_our_own_close_is_told_once_and_is_clean(wire: str) -> None:
    recorder = Recorder()
    async with echoing_agent(wire, recorder) as link:
        await link.close()
        await link.close()
    assert [closed.clean for closed in recorder.closed] == [True]


@pytest.mark.parametrize("wire", WIRES)
async def test_after_the_end_sending_is_refused(wire: str) -> None:
    recorder = Recorder()
    async with echoing_agent(wire, recorder) as link:
        await link.close()
        with pytest.raises(AgentClosedError):
            link.send(b"{}")


@pytest.mark.parametrize("wire", WIRES)
async def test_a_message_over_the_limit_is_refused_and_harms_nothing(wire: str) -> None:
    recorder = Recorder()
    async with echoing_agent(wire, recorder, DialOptions(max_frame_bytes=1000)) as link:
        with pytest.raises(FrameTooLargeError):
            link.send(b" " * 1001)
        link.send(b'{"jsonrpc":"2.0","method":"x"}')
        await recorder.frame(0)
    assert len(recorder.frames) == 1


@pytest.mark.parametrize("wire", WIRES)
async def test_a_paused_link_gives_nothing_until_it_is_resumed(wire: str) -> None:
    recorder = Recorder()
    async with echoing_agent(wire, recorder) as link:
        link.pause_reading()
        for number in range(5):
            link.send(b'{"jsonrpc":"2.0","method":"x","params":[%d]}' % number)
        with pytest.raises(TimeoutError):
            await recorder.until_within(0.05, lambda: bool(recorder.frames))
        link.resume_reading()
        await recorder.frame(4)
    assert [json.loads(frame)["params"][0] for frame in recorder.frames] == [0, 1, 2, 3, 4]
