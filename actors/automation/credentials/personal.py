"""A token that somebody has made and given to the gateway: it opens what its owner opened with it."""

from __future__ import annotations

from actors.automation.contract import RepositoryName, Token
from actors.errors import CredentialMissingError


class PersonalCredentials:
    """The same token for every session. Its owner ends it; an empty one is none."""

    def __init__(self, secret: str) -> None:
        self._token = Token(secret.strip())

    async def token(self, session_id: str, repository: RepositoryName) -> Token:
        """Raises CredentialMissingError where there is none."""
        if not self._token.value:
            raise CredentialMissingError(f"there is neither a GitHub App nor a token for {repository}")
        return self._token

    async def revoke(self, session_id: str) -> None:
        """Nothing: the token is not the session's."""

    async def aclose(self) -> None:
        """Nothing is held."""
