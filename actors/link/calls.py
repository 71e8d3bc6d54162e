"""Calls over a link: ours that the peer has not answered, and those of the peer that are being answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from actors import errors
from actors.kernel.ground import describe
from actors.link.frames import FrameKind

log = logging.getLogger("lumilink.link")

MAX_CALLS = 16_384

OnReply = Callable[[object], None]
"""Gets the result, or the LumiLinkError that the call ended with."""

Frame = tuple[object, ...]


def error_from_wire(code: object, detail: object, retry_after_s: object) -> errors.LumiLinkError:
    """The error that a FAIL or CLOSE frame names; an unknown code becomes InternalError."""
    cls = _ERROR_BY_CODE.get(str(code), errors.InternalError)
    return cls(str(detail), retry_after_s if isinstance(retry_after_s, int | float) else None)


def _leaves(root: type[errors.LumiLinkError]) -> list[type[errors.LumiLinkError]]:
    branches = root.__subclasses__()
    return [leaf for branch in branches for leaf in _leaves(branch)] if branches else [root]


_ERROR_BY_CODE = {leaf.code: leaf for leaf in _leaves(errors.LumiLinkError)}


class PendingCalls:
    """Who waits for which answer of the peer. Each is told exactly once."""

    __slots__ = ("_last", "_waiting")

    def __init__(self) -> None:
        self._last = 0
        self._waiting: dict[int, OnReply] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, on_reply: OnReply) -> int:
        """A number for a call. Raises MailboxFullError where 16,384 are unanswered."""
        if len(self._waiting) >= MAX_CALLS:
            raise errors.MailboxFullError(f"{MAX_CALLS} calls on this link are unanswered")
        self._last += 1
        self._waiting[self._last] = on_reply
        return self._last

    def forget(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        self._waiting.pop(number, None)

    def settle(self, frame: Frame) -> None:
        """Hand a REPLY or FAIL to who waits for it; one that nobody waits for came after its deadline."""
        number = frame[1]
        on_reply = self._waiting.pop(number, None) if isinstance(number, int) else None
        if on_reply is not None:
            reply = frame[2] if frame[0] == FrameKind.REPLY else error_from_wire(*frame[2:5])
            on_reply(reply)

    def fail_all(self, error: errors.LumiLinkError) -> None:
        """The link broke."""
        waiting, self._waiting = self._waiting, {}
        for on_reply in waiting.values():
            on_reply(error)


class Answering:
    """The calls of the peer that are being answered, each by a task that ends with the link.

    ``write`` raises TypeError, ValueError or OverflowError for what msgpack cannot carry.
    """

    __slots__ = ("_tasks", "_write")

    def __init__(self, write: Callable[[Frame], None]) -> None:
        self._write = write
        self._tasks: set[asyncio.Future[object]] = set()

    def start(self, number: object, method: str, answer: Callable[[], Awaitable[object]]) -> None:
        """Begin to answer a call."""
        task: asyncio.Future[object] = asyncio.ensure_future(_called(answer))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(number, method, done))

    def cancel(self) -> None:
        """The link is gone, and with it who asked."""
        for task in self._tasks:
            task.cancel()

    def _done(self, number: object, method: str, task: asyncio.Future[object]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            error: BaseException | None = errors.RequestCancelledError(f"{method} was cancelled")
        else:
            error = task.exception()
        if error is None:
            try:
                self._write((FrameKind.REPLY, number, task.result()))
            except (TypeError, ValueError, OverflowError) as unsendable:
                error = unsendable
            else:
                return
        if not isinstance(error, errors.LumiLinkError):
            log.error("call %s failed: %s", method, describe(error))
            error = errors.InternalError(f"{method} failed: {type(error).__name__}")
        self._write((FrameKind.FAIL, number, error.code, error.detail, error.retry_after_s))


async def _called(answer: Callable[[], Awaitable[object]]) -> object:
    # Within the task, so that a handler that raises before it awaits has failed like any other.
    return await answer()
