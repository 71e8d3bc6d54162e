"""Streams end with their credentials."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from serve.rights.endings import Endings, until
from serve.rights.identity import Identity
from serve.rights.roles import Role


def identity(credential: str = "key", expires_at: float | None = None) -> Identity:
    return Identity("acme", "ann", frozenset({Role.USER}), credential, expires_at)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_that_wait_for_a_credential_are_told_that_it_has_ended_and_no_others():
    endings = Endings()
    mine = [asyncio.create_task(endings.wait(identity())) for _ in range(3)]
    other = asyncio.create_task(endings.wait(identity("other")))
    await settle()

    endings.end("key", "revoked")

    assert await asyncio.gather(*mine) == ["revoked"] * 3
    assert not other.done()
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    assert len(endings) == 0


async def test_a_credential_ends_when_it_expires():
    endings = Endings(lambda: 1000.0)

    assert await endings.wait(identity(expires_at=1000.0)) == "the credential has expired"


async def test_a_credential_that_expires_soon_is_waited_for():
    times = iter([1000.0, 1001.0])
    endings = Endings(lambda: next(times))

    async with asyncio.timeout(1):
        assert await endings.wait(identity(expires_at=1000.01)) == "the credential has expired"


class Chunks:
    """A stream that says two things and then waits, and notes how it was left."""

    def __init__(self) -> None:
        self.closed = False

    async def run(self) -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def test_a_stream_ends_with_its_credential_and_is_closed():
    endings, chunks, said = Endings(), Chunks(), []

    async def read() -> None:
        async for chunk in until(lambda: endings.wait(identity()), chunks.run()):
            said.append(chunk)  # noqa: PERF401 - it is looked at while this reads

    reading = asyncio.create_task(read())
    while len(said) < 2:
        await asyncio.sleep(0)
    await settle()
    assert not reading.done()

    endings.end("key", "revoked")
    async with asyncio.timeout(1):
        await reading

    assert said == [b"one", b"two"]
    assert chunks.closed
    assert len(endings) == 0


async def test_a_stream_that_ends_by_itself_waits_for_no_credential():
    endings = Endings()

    async def short() -> AsyncIterator[bytes]:
        yield b"all"

    assert [chunk async for chunk in until(lambda: endings.wait(identity()), short())] == [b"all"]
    assert len(endings) == 0


async def test_a_stream_whose_reader_leaves_is_closed():
    endings, chunks = Endings(), Chunks()
    reading = until(lambda: endings.wait(identity()), chunks.run())

    async def read() -> None:
        async for _ in reading:
            pass

    task = asyncio.create_task(read())
    await settle()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert chunks.closed
    assert len(endings) == 0
