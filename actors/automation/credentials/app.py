"""Tokens of a GitHub App: one a session and repository, with no right but those that a run needs."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from actors.automation.contract import RepositoryName, Token
from actors.automation.forge.client import ForgeClient
from actors.errors import (
    CredentialMissingError,
    CredentialRefusedError,
    ForgeForbiddenError,
    ForgeRefusedError,
    RepositoryUnknownError,
)

if TYPE_CHECKING:
    from githubkit_schemas.latest.types import AppPermissionsType

PERMISSIONS: Final[AppPermissionsType] = {
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "metadata": "read",
}
"""What a run needs, and all that its tokens may."""
_SKEW_S: Final = 60
_LIFE_S: Final = 540
"""GitHub takes a JSON Web Token of at most ten minutes; a minute goes to clocks that differ."""


class _Installation(msgspec.Struct):
    id: int


class _Minted(msgspec.Struct):
    token: str
    expires_at: datetime


class AppTokens:
    """Mints and ends installation tokens. ``key_file`` is read for each, so that it may be replaced."""

    def __init__(self, client: ForgeClient, app_id: str, key_file: Path) -> None:
        self._client = client
        self._app_id = app_id
        self._key_file = key_file

    async def mint(self, repository: RepositoryName, now: float) -> Token:
        """A token for one repository; ``now`` is in epoch seconds.

        Raises CredentialMissingError where the app has no key or is not installed there,
        CredentialRefusedError where the key is not the app's, ForgeForbiddenError where the app was not
        given the rights, and the errors of every call.
        """
        headers = self._client.headers(await asyncio.to_thread(self._signed, int(now)))
        rest = await self._client.rest()
        try:
            installation = await self._client.call(
                f"the app's installation on {repository}",
                rest.apps.async_get_repo_installation(repository.owner, repository.name, headers=headers),
                _Installation,
            )
            minted = await self._client.call(
                f"a token for {repository}",
                rest.apps.async_create_installation_access_token(
                    installation.id,
                    repositories=[repository.name],
                    permissions=PERMISSIONS,
                    headers=headers,
                ),
                _Minted,
            )
        except RepositoryUnknownError as error:
            raise CredentialMissingError(f"the GitHub App is not installed on {repository}") from error
        except ForgeRefusedError as error:
            raise ForgeForbiddenError(str(error)) from error
        return Token(minted.token, minted.expires_at.timestamp())

    async def end(self, token: Token) -> None:
        """Let a token be worth nothing from now on."""
        rest = await self._client.rest()
        await self._client.send(
            "the end of a token",
            rest.apps.async_revoke_installation_access_token(headers=self._client.headers(token.value)),
        )

    def _signed(self, now: int) -> str:
        """The JSON Web Token by which the app shows that it is itself. To be called in a thread."""
        import jwt  # noqa: PLC0415 - it brings cryptography along, which takes the loop a tenth of a second

        try:
            key = self._key_file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise CredentialMissingError(f"the GitHub App's key {self._key_file} cannot be read") from error
        claims = {"iat": now - _SKEW_S, "exp": now + _LIFE_S, "iss": self._app_id}
        try:
            return jwt.encode(claims, key, algorithm="RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            # Without the cause: what it says may have parts of the key in it.
            raise CredentialRefusedError(f"{self._key_file} is no private key (PEM, RSA)") from None
