"""An actor whose messages are its script."""

import asyncio
from collections.abc import Callable

from actors.kernel import Actor, ActorId, StopReason

SECRET = "hunter2"

Step = Callable[["Scripted"], object]


class Scripted(Actor):
    """Handles a message by calling it with itself, and writes down what happens to it."""

    def __init__(self, diary: list[object] | None = None) -> None:
        self.diary: list[object] = [] if diary is None else diary

    async def started(self) -> None:
        self.diary.append("started")

    def receive(self, message: object) -> object:
        return message(self) if callable(message) else self.diary.append(message)

    async def stopping(self, reason: StopReason) -> None:
        self.diary.append(reason)


class Boom(Exception):  # noqa: N818 - what happens, not what is raised on purpose
    """An unexpected exception."""


def boom(actor: object) -> object:
    raise Boom(SECRET)


def named(key: str) -> ActorId:
    return ActorId("test", key)


def assert_nothing_is_left() -> None:
    """No task but the caller's, and no timer."""
    assert asyncio.all_tasks() == {asyncio.current_task()}
    timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]  # it has no public name
    assert [timer for timer in timers if not timer.cancelled()] == []
