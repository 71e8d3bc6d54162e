"""What must be kept to reach an agent again, and must not be read by whoever reads the journal.

The MCP servers of a session carry tokens in their headers and environment, and an agent wants them again
whenever it loads the session.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from actors import errors


def new_key() -> str:
    """A fresh key."""
    return Fernet.generate_key().decode()


class Sealer:
    """Seals with the gateway's key (Fernet: AES-128 in CBC mode with an HMAC)."""

    __slots__ = ("_fernet",)

    def __init__(self, key: str) -> None:
        try:
            self._fernet = Fernet(key)
        except ValueError:
            raise errors.SettingsError("the key of the journal's secrets is no Fernet key") from None

    def seal(self, text: bytes) -> bytes:
        """Make a text unreadable."""
        return self._fernet.encrypt(text)

    def unseal(self, sealed: bytes) -> bytes:
        """Read it again; empty if it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed) if sealed else b""
        except InvalidToken:
            return b""
