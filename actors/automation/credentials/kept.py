"""Tokens of sessions, kept in memory for as long as they are good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from actors.automation.contract import RepositoryName, Token
from actors.errors import LumiLinkError

RENEW_BEFORE_S: Final = 300.0
"""A token that ends sooner is not given out: a push has to end before it does."""


class Mint(Protocol):
    """Where tokens come from, and end."""

    async def mint(self, repository: RepositoryName, now: float) -> Token:
        """A new token for a repository; ``now`` is in epoch seconds."""

    async def end(self, token: Token) -> None:
        """Let a token be worth nothing from now on."""


class _Key(NamedTuple):
    session_id: str
    repository: RepositoryName


class KeptCredentials:
    """One token a session and repository, whoever asks; renewed five minutes before it expires.

    Those who ask while one is being minted wait for that one: its task belongs to this object, so that
    nobody who stops waiting takes it from the others. ``clock`` gives epoch seconds.
    """

    def __init__(self, mint: Mint, clock: Callable[[], float] = time.time) -> None:
        self._mint = mint
        self._clock = clock
        self._tokens: dict[_Key, Token] = {}
        self._flights: dict[_Key, asyncio.Task[Token]] = {}

    async def token(self, session_id: str, repository: RepositoryName) -> Token:
        """A token that is good for five minutes at least. Raises what minting one raises."""
        key = _Key(session_id, repository)
        kept = self._tokens.get(key)
        if kept is not None and self._is_good(kept):
            return kept
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._minted(key))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(flight)

    async def revoke(self, session_id: str) -> None:
        """End the session's tokens. One that cannot be ended now ends by itself within the hour."""
        await self._landing([key for key in self._flights if key.session_id == session_id])
        for key in [key for key in self._tokens if key.session_id == session_id]:
            with suppress(LumiLinkError):
                await self._mint.end(self._tokens.pop(key))

    async def aclose(self) -> None:
        """End all tokens."""
        await self._landing(list(self._flights))
        for session_id in {key.session_id for key in self._tokens}:
            await self.revoke(session_id)

    async def _minted(self, key: _Key) -> Token:
        token = await self._mint.mint(key.repository, self._clock())
        self._forget_the_old()
        self._tokens[key] = token
        return token

    def _landed(self, key: _Key, flight: asyncio.Task[Token]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # whoever waited has it; there may be nobody left who did

    async def _landing(self, keys: list[_Key]) -> None:
        """A token that is being minted can be ended only once it is there; the calls have their deadlines."""
        if keys:
            await asyncio.wait([self._flights[key] for key in keys])

    def _is_good(self, token: Token) -> bool:
        return token.expires_at is None or token.expires_at - self._clock() > RENEW_BEFORE_S

    def _forget_the_old(self) -> None:
        """What has expired needs no end: sessions that never tell theirs leave nothing behind."""
        now = self._clock()
        for key in [key for key, one in self._tokens.items() if one.expires_at and one.expires_at <= now]:
            del self._tokens[key]
