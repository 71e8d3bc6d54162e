"""Commands to one Redis server: a deadline on each, and our errors for its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from typing import Final

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from actors.errors import InternalError, JournalUnavailableError, SettingsError
from actors.journal.contract import Durability

LIBRARY: Final = "lumilink_2"
_CONNECTIONS: Final = 16
_HAS_WAITAOF: Final = (7, 2)
_PASSING: Final = frozenset(
    {"OOM", "READONLY", "MISCONF", "LOADING", "MASTERDOWN", "NOREPLICAS", "BUSY", "NOPERM"}
)
"""Codes of errors that the server answers until someone or something puts it right."""

Argument = str | int | bytes


class RedisCalls:
    """A pool of connections. ``timeout_s`` bounds each command, waiting for a connection included."""

    def __init__(self, url: str, durability: Durability, timeout_s: float) -> None:
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=timeout_s,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 0),  # who calls repeats, with all that belongs to it
            )
        except ValueError:
            raise SettingsError("the journal's URL: expected redis://, rediss:// or unix://") from None
        self._redis = Redis.from_pool(pool)
        self._durability = durability
        self._timeout_s = timeout_s
        self._waits_for_aof = False

    async def prepare(self) -> None:
        """Load our functions, and see to it that the server can keep the durability.

        Raises JournalUnavailableError, and SettingsError where it cannot.
        """
        await self._load_library()
        if self._durability == "disk":
            self._waits_for_aof = await self._can_wait_for_aof()

    async def command(self, *words: Argument) -> object:
        """The answer to one command. Raises JournalUnavailableError, and InternalError where it is wrong."""
        async with _guarded(self._timeout_s):
            execute: Callable[..., Awaitable[object]] = self._redis.execute_command
            return await execute(*words)

    async def commands(self, many: Sequence[Sequence[Argument]]) -> list[object]:
        """The answers to several commands, sent together; they are not one commit. Raises as ``command``."""
        async with _guarded(self._timeout_s):
            pipeline = self._redis.pipeline(transaction=False)
            for words in many:
                pipeline.execute_command(*words)
            answers: list[object] = await pipeline.execute(raise_on_error=False)
            for answer in answers:
                if isinstance(answer, exceptions.RedisError):
                    raise answer
            return answers

    async def read(self, function: str, keys: Sequence[str], arguments: Sequence[Argument]) -> object:
        """Call a function that only reads."""
        return await self._call("FCALL_RO", function, keys, arguments)

    async def write(self, function: str, keys: Sequence[str], arguments: Sequence[Argument]) -> object:
        """Call a function that writes; returns when what it wrote has the durability."""
        return await self._call("FCALL", function, keys, arguments)

    async def rewrite_log(self) -> None:
        """Have the server write its append-only file anew, if it has one and is not at it already."""
        persistence = _mapping(await self.command("INFO", "persistence"))
        if persistence["aof_enabled"] and not persistence["aof_rewrite_in_progress"]:
            await self.command("BGREWRITEAOF")

    async def close(self) -> None:
        """Close all connections."""
        async with _guarded(self._timeout_s):
            await self._redis.aclose()
            await self._redis.connection_pool.disconnect()

    # ------------------------------------------------------------------ inside

    async def _call(
        self, command: str, function: str, keys: Sequence[str], arguments: Sequence[Argument]
    ) -> object:
        words: tuple[Argument, ...] = (command, f"{LIBRARY}_{function}", len(keys), *keys, *arguments)
        try:
            return await self._send(words)
        except _FunctionMissingError:
            # A server that lost its data, or was put in the place of another, has lost our functions too.
            await self._load_library()
            return await self._send(words)

    async def _send(self, words: Sequence[Argument]) -> object:
        if not self._waits_for_aof or words[0] == "FCALL_RO":
            return await self.command(*words)
        # WAITAOF is about the writes of its own connection, so it goes along in the same pipeline.
        wait_ms = round(self._timeout_s * 500)
        answer, synced = await self.commands([words, ("WAITAOF", 1, 0, wait_ms)])
        if not isinstance(synced, list) or synced[0] < 1:
            raise JournalUnavailableError(f"Redis did not sync its append-only file in {wait_ms} ms")
        return answer

    async def _load_library(self) -> None:
        source = resources.files("actors.journal").joinpath("redis_functions.lua").read_text()
        await self.command("FUNCTION LOAD", "REPLACE", source)

    async def _can_wait_for_aof(self) -> bool:
        """Whether each write can wait for the append-only file; False if the server syncs it always."""
        persistence = _mapping(await self.command("INFO", "persistence"))
        if not persistence["aof_enabled"]:
            raise SettingsError("journal durability disk: expected a Redis with appendonly yes")
        version = str(_mapping(await self.command("INFO", "server"))["redis_version"])
        major, minor = (int(part) for part in version.split(".")[:2])
        if (major, minor) >= _HAS_WAITAOF:
            return True
        settings = _mapping(await self.command("CONFIG GET", "appendfsync"))
        if settings.get("appendfsync") not in ("always", b"always"):
            raise SettingsError("journal durability disk: expected Redis 7.2 or later, or appendfsync always")
        return False


class _FunctionMissingError(Exception):
    """The server does not know our functions."""


@asynccontextmanager
async def _guarded(timeout_s: float) -> AsyncIterator[None]:
    """Put a deadline on what is inside, and our errors in the place of Redis's, whose text may hold data."""
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except (TimeoutError, exceptions.TimeoutError):
        raise JournalUnavailableError(f"Redis did not answer within {timeout_s:g} s") from None
    except exceptions.ResponseError as error:
        raise _translated(error) from None
    except (exceptions.RedisError, OSError) as error:
        raise JournalUnavailableError(f"Redis cannot be reached: {type(error).__name__}") from None


def _translated(error: exceptions.ResponseError) -> Exception:
    if "Function not found" in str(error):  # it has no code of its own
        return _FunctionMissingError()
    code = error.status_code or str(error).partition(" ")[0]
    if code in _PASSING:
        return JournalUnavailableError(f"Redis refuses for now: {code}")
    return InternalError(f"Redis refuses a command of the journal: {code}")


def _mapping(answer: object) -> dict[str, object]:
    if not isinstance(answer, dict):
        raise InternalError(f"Redis answered with {type(answer).__name__}, expected a mapping")
    return answer
