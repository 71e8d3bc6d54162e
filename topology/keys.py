"""``lumilink keys``: making, listing and revoking API keys, in the records' database itself.

Whoever can write to that database may do this, gateway or no gateway: so the first admin gets a key.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from actors import errors
from actors.records import migrate
from serve.rights.api_keys import ApiKey, mint
from serve.rights.key_store import KeyStore
from serve.rights.key_views import view
from serve.rights.roles import Role

T = TypeVar("T")

_LIFE: Final = re.compile(r"([1-9][0-9]{0,4})([smhd])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class KeyRing:
    """The API keys in a database. Each method raises RightsUnavailableError, or SettingsError for its URL."""

    def __init__(self, records_url: str) -> None:
        self._url = records_url

    def create(self, installation: str, user: str, roles: Iterable[Role], life: str | None) -> str:
        """Make a key; returns its text, which is kept nowhere. Raises InvalidParamsError."""
        key, text = mint(installation, user, roles, expiry(life, datetime.now(UTC)))
        self._with_store(lambda store: store.add(key))
        return text

    def owned_by(self, installation: str) -> list[ApiKey]:
        """The keys of an installation, the newest first."""
        return self._with_store(lambda store: store.owned_by(installation))

    def revoke(self, installation: str, key_id: str) -> None:
        """Let a key be good no more. Raises InvalidParamsError if the installation has none such."""
        if not self._with_store(lambda store: store.revoke(installation, key_id)):
            raise errors.InvalidParamsError(f"installation {installation!r} has no API key {key_id!r}")

    def rows(self, installation: str) -> list[dict[str, object]]:
        """The keys of an installation as JSON."""
        return [msgspec.to_builtins(view(key)) for key in self.owned_by(installation)]

    def show(self, installation: str, now: datetime) -> None:
        """Print the keys of an installation for people."""
        Console().print(_table(self.owned_by(installation), now))

    def write(self, path: Path, text: str) -> None:
        """Put a key into a new file that this user alone can read. Raises SettingsError."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise errors.SettingsError(f"--out: {path}: cannot be made: {error.strerror}") from None
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")

    def _with_store(self, what: Callable[[KeyStore], Awaitable[T]]) -> T:
        return asyncio.run(self._done(what))

    async def _done(self, what: Callable[[KeyStore], Awaitable[T]]) -> T:
        await migrate(self._url)
        store = KeyStore(self._url)
        try:
            return await what(store)
        finally:
            await store.close()


def expiry(life: str | None, now: datetime) -> datetime | None:
    """When a key ends that lives so long: a number and s, m, h or d. Raises InvalidParamsError."""
    if life is None:
        return None
    found = _LIFE.fullmatch(life)
    if found is None:
        raise errors.InvalidParamsError(
            f"--expires-in: expected a time such as 90d or 12h, got {life[:20]!r}"
        )
    return now + timedelta(**{_UNITS[found[2]]: int(found[1])})


def _table(keys: Iterable[ApiKey], now: datetime) -> Table:
    table = Table("id", "ends with", "user", "roles", "made", "expires", "state")
    for key in keys:
        state = "good" if (why := key.refusal(now)) is None else why.removeprefix("the API key ")
        expires = "never" if key.expires_at is None else _day(key.expires_at)
        roles = ", ".join(sorted(key.roles))
        table.add_row(key.key_id, f"…{key.last_four}", key.user, roles, _day(key.created_at), expires, state)
    return table


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
