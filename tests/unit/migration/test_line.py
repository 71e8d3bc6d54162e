"""The rollout moves one workspace after the other, and waits for none for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from actors.kernel.testing import ClockJumpLoop
from actors.migration.line import MovingLine


class Line(MovingLine):
    """Notes who moved, in order."""

    def __init__(self) -> None:
        super().__init__(patience_s=30.0)
        self.moved: list[str] = []

    def queue(self, *workspaces: str) -> None:
        for name in workspaces:
            self.join(name, lambda name=name: self.moved.append(name))  # type: ignore[misc]


@pytest.fixture
def in_a_line() -> Iterator[Callable[[Callable[[Line], object]], None]]:
    """Run a test on a loop whose time passes when nothing else is to be done."""
    loop = ClockJumpLoop()

    def run(test: Callable[[Line], object]) -> None:
        async def within() -> None:
            line = Line()
            found = test(line)
            if asyncio.iscoroutine(found):
                await found
            line.close()

        loop.run_until_complete(within())

    yield run
    loop.close()


def test_one_moves_at_a_time_and_in_order(in_a_line: Callable[[Callable[[Line], object]], None]):
    def test(line: Line) -> None:
        line.queue("a", "b", "c", "a", "b")
        assert line.moved == ["a"]
        line.leave("a")
        assert line.moved == ["a", "b"]
        line.leave("c")
        line.leave("b")
        assert (line.moved, len(line)) == (["a", "b"], 0)

    in_a_line(test)


def test_one_that_takes_long_is_not_waited_for(in_a_line: Callable[[Callable[[Line], object]], None]):
    async def test(line: Line) -> None:
        line.queue("slow", "next")
        await asyncio.sleep(29.0)
        assert line.moved == ["slow"]
        await asyncio.sleep(2.0)
        assert line.moved == ["slow", "next"]
        line.leave("slow")
        assert len(line) == 1

    in_a_line(test)
