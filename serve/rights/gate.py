"""The gate that every request passes: it finds out whom a request comes from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from starlette.requests import HTTPConnection

from serve.rights import endings
from serve.rights.api_keys import ApiKey
from serve.rights.identity import EVERYBODY, Identity


class Keys(Protocol):
    """The API keys of all installations. Each method raises RightsUnavailableError."""

    async def add(self, key: ApiKey) -> None:
        """Keep a new key."""

    async def revoke(self, installation: str, key_id: str) -> bool:
        """Let a key be good no more; False if the installation has none such."""

    async def owned_by(self, installation: str) -> list[ApiKey]:
        """All keys of an installation, the newest first."""


class Gate(Protocol):
    """One per process."""

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything: there is no authentication."""

    @property
    def keys(self) -> Keys | None:
        """Where API keys are kept; None where there are none."""

    async def identify(self, connection: HTTPConnection) -> Identity:
        """Whom a request comes from.

        Raises AuthenticationError, RateLimitedError after too many that failed, RightsUnavailableError.
        """

    async def ended(self, identity: Identity) -> str:
        """Return when the credential of a caller has ended, and why."""

    def seal(self, identity: Identity) -> tuple[str, float]:
        """A browser's session for a caller: the cookie's value, and its life in seconds."""


class OpenGate:
    """Lets everybody in: what there is without authentication."""

    is_open = True
    keys: Keys | None = None

    async def identify(self, connection: HTTPConnection) -> Identity:
        """Everybody is the same."""
        return EVERYBODY

    async def ended(self, identity: Identity) -> str:
        """It never ends."""
        await asyncio.get_running_loop().create_future()
        return ""

    def seal(self, identity: Identity) -> tuple[str, float]:
        """There is nothing to seal."""
        return "", 0.0


class _Place:
    """Where the process keeps its gate."""

    gate: Gate = OpenGate()


_place = _Place()


def gate() -> Gate:
    """That of this process; a function, since Serve copies a deployment's globals by value."""
    return _place.gate


def put(new: Gate) -> None:
    """Have this gate in the process from now on."""
    _place.gate = new


async def identify(connection: HTTPConnection) -> Identity:
    """Whom a request comes from; see ``Gate.identify``."""
    return await gate().identify(connection)


def while_valid(identity: Identity, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a stream for a caller, until the caller's credential has ended."""
    if not identity.credential:
        return chunks
    return endings.until(lambda: gate().ended(identity), chunks)
