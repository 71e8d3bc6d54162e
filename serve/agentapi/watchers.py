"""The sessions that HTTP clients of this replica use now: each watched once, for as long as someone asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from actors import errors
from actors.protocol.identifiers import new_session_id
from serve.agentapi.watcher import Watcher
from serve.ingress.gateway import Gateway
from serve.rights import Identity, Role

log = logging.getLogger("lumilink.agentapi")

MAX_WATCHED: Final = 1_000
IDLE_S: Final = 60.0
SWEEP_INTERVAL_S: Final = 10.0
_PREFIX: Final = "sess_"
_LENGTH: Final = len(new_session_id())


@dataclass(slots=True, eq=False)
class _Entry:
    """A watcher, how many requests use it now, and when the last one ended."""

    watcher: Watcher
    users: int = 0
    used_at: float = 0.0


class Watchers:
    """By installation and session. What nobody used for a minute is let go; ``sweep`` does that."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._entries: dict[tuple[str, str], _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @asynccontextmanager
    async def use(self, installation: str, session_id: str) -> AsyncIterator[Watcher]:
        """The watcher of a session, for one request. It may have to be waited for: see ``ready``.

        Raises SessionNotFoundError for what can be no session, and CapacityError.
        """
        if not (session_id.startswith(_PREFIX) and len(session_id) == _LENGTH):
            raise errors.SessionNotFoundError("no session has such an id")
        key = (installation, session_id)
        entry = self._entries.get(key)
        if entry is None or entry.watcher.over is not None:
            await self._make_room()
            entry = self._entries.get(key)
        if entry is None or entry.watcher.over is not None:
            # Each request shows that it has the right to what it asks; all of them share one watcher.
            watcher = Watcher(self.gateway, Identity(installation, "", frozenset({Role.USER}), ""))
            watcher.watch(session_id)
            entry = await self._put(key, watcher)
        entry.users += 1
        try:
            yield entry.watcher
        finally:
            entry.users -= 1
            entry.used_at = asyncio.get_running_loop().time()

    async def open_new(self, identity: Identity, params: dict[str, object]) -> Watcher:
        """Start a session; see ``Watcher.open_new``."""
        await self._make_room()
        watcher = Watcher(self.gateway, identity)
        try:
            await watcher.open_new(params)
        except (errors.LumiLinkError, asyncio.CancelledError):
            await watcher.close()
            raise
        await self._put((identity.installation, watcher.session_id), watcher)
        return watcher

    async def sweep(self) -> None:
        """Let go, for ever and a while apart, of what is not used."""
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            now = asyncio.get_running_loop().time()
            for key, entry in list(self._entries.items()):
                is_over = entry.watcher.over is not None
                if not entry.users and (is_over or now - entry.used_at > IDLE_S):
                    await self._let_go(key, entry)

    async def _let_go(self, key: tuple[str, str], entry: _Entry) -> None:
        """One that does not let go in order must not keep all others from it."""
        try:
            await self._drop(key, entry)
        except Exception:
            log.exception("a session that nobody uses over AgentAPI was not let go in order")

    async def _make_room(self) -> None:
        """Where too many are watched, let go of the one that was used longest ago."""
        if len(self._entries) < MAX_WATCHED:
            return
        resting = [(entry.used_at, key) for key, entry in self._entries.items() if not entry.users]
        if not resting:
            raise errors.CapacityError(f"{MAX_WATCHED} sessions are used over AgentAPI here", 5.0)
        _, key = min(resting)
        await self._drop(key, self._entries[key])

    async def _put(self, key: tuple[str, str], watcher: Watcher) -> _Entry:
        before = self._entries.get(key)
        entry = self._entries[key] = _Entry(watcher, used_at=asyncio.get_running_loop().time())
        if before is not None:
            await before.watcher.close()
        return entry

    async def _drop(self, key: tuple[str, str], entry: _Entry) -> None:
        if self._entries.get(key) is entry:
            del self._entries[key]
        await entry.watcher.close()
