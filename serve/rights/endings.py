"""Streams that live as long as the credential they were opened with, and no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Final

from serve.rights.identity import Identity

CLOSE_CODE: Final = 4401
"""The code that a WebSocket is closed with when its credential has ended."""

_LONGEST_WAIT_S: Final = 3600.0


class Endings:
    """Tells those that wait for it that a credential has ended."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Future[str]]] = {}

    async def wait(self, identity: Identity) -> str:
        """Return when the credential has ended, and why."""
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(identity.credential, set()).add(told)
        try:
            while (left_s := self._left_s(identity)) > 0:
                await asyncio.wait({told}, timeout=min(left_s, _LONGEST_WAIT_S))
                if told.done():
                    return told.result()
            return "the credential has expired"
        finally:
            others = self._waiting[identity.credential]
            others.discard(told)
            if not others:
                del self._waiting[identity.credential]

    def end(self, credential: str, why: str) -> None:
        """The credential is good no more."""
        for told in self._waiting.get(credential, ()):
            if not told.done():
                told.set_result(why)

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._waiting.values())

    def _left_s(self, identity: Identity) -> float:
        # The wall clock may be set while this waits, so it is looked at again from time to time.
        return _LONGEST_WAIT_S if identity.expires_at is None else identity.expires_at - self._clock()


async def until(
    ending: Callable[[], Coroutine[None, None, str]], chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    """The chunks that come before something has ended; then no more."""
    loop = asyncio.get_running_loop()
    ended = loop.create_task(ending())
    coming = loop.create_task(_next(chunks))
    try:
        while True:
            await asyncio.wait({coming, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done() or (chunk := coming.result()) is None:
                return
            yield chunk
            coming = loop.create_task(_next(chunks))
    finally:
        ended.cancel()
        coming.cancel()
        await asyncio.gather(coming, ended, return_exceptions=True)
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
