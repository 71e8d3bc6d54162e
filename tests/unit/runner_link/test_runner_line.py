"""A line loses, doubles and reorders nothing, however often its socket is cut."""

from __future__ import annotations

import asyncio
import random

import pytest

from actors.errors import AgentProtocolError
from actors.runner_link import line as line_module
from actors.runner_link.line import Line


class Side:
    def __init__(self) -> None:
        self.line = Line()
        self.heard: list[bytes] = []

    async def deliver(self, message: bytes) -> None:
        self.heard.append(message)


class CutError(Exception):
    pass


async def socket(one: Side, other: Side, frames: int) -> None:
    """Both sides on one socket, which is cut after so many frames, wherever they are."""
    after = one.line.greeted(other.line.greeting()), other.line.greeted(one.line.greeting())
    left = frames

    def to(side: Side) -> line_module.Send:
        async def send(frame: bytes) -> None:
            nonlocal left
            await asyncio.sleep(0)
            if left == 0:
                raise CutError
            left -= 1
            await side.line.hear(frame, side.deliver)

        return send

    writing = [
        asyncio.ensure_future(one.line.write(to(other), after[0])),
        asyncio.ensure_future(other.line.write(to(one), after[1])),
    ]
    try:
        async with asyncio.timeout(0.02):
            await asyncio.wait(writing, return_when=asyncio.FIRST_EXCEPTION)
    except TimeoutError:
        pass
    finally:
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)


@pytest.mark.parametrize("seed", range(10))
async def test_all_arrives_once_and_in_order_over_any_number_of_cuts(seed: int):
    chance = random.Random(seed)
    one, other = Side(), Side()
    said: tuple[list[bytes], list[bytes]] = ([], [])
    for number in range(60):
        for side, mine in ((one, said[0]), (other, said[1])):
            if chance.random() < 0.7:
                mine.append(b'{"text": "%d a b"}' % number)
                side.line.push(mine[-1])
        if chance.random() < 0.3:
            await socket(one, other, chance.randrange(12))
    await socket(one, other, 10_000)

    assert other.heard == said[0]
    assert one.heard == said[1]


async def test_the_end_is_said_after_everything_else():
    one, other = Side(), Side()
    one.line.push(b"{}")
    one.line.end("done")
    await socket(one, other, 100)

    assert (other.heard, other.line.reason) == ([b"{}"], "done")


async def test_a_full_line_has_room_again_once_it_is_acknowledged(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(line_module, "MAX_FRAMES", 2)
    told: list[bool] = []
    line = Line(lambda: told.append(True))
    line.push(b"{}")
    line.push(b"{}")
    assert (line.is_full, line.is_overfull, told) == (True, False, [])

    await line.hear(b"a 1", Side().deliver)
    assert (line.is_full, told) == (False, [True])


async def test_what_the_other_side_cannot_have_said_is_refused():
    for frame in (b"a 1", b"m 2 {}", b"m 1", b"x 1", b"", b"m x {}", b"a " + b"9" * 20):
        with pytest.raises(AgentProtocolError):
            await Line().hear(frame, Side().deliver)
    for greeting in (b"h 1", b"m 0 {}", b"h"):
        with pytest.raises(AgentProtocolError):
            Line().greeted(greeting)
