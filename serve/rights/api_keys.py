"""API keys: ``lk_<id>_<secret>``. The gateway keeps of the secret its SHA-256 alone.

A secret has 256 bits of chance, so a plain hash is as good as a slow one: there is nothing to guess from.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from actors import errors
from serve.rights.identity import Identity, is_name
from serve.rights.roles import Role

_FORM: Final = re.compile(r"lk_([0-9a-f]{16})_([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. Whoever knows all of this cannot make the key from it."""

    key_id: str
    installation: str
    user: str
    roles: frozenset[Role]
    digest: str = field(repr=False)
    last_four: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def refusal(self, now: datetime) -> str | None:
        """Why it is not good any more, or None."""
        if self.revoked_at is not None:
            return "the API key was revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "the API key has expired"
        return None

    def fits(self, secret: str) -> bool:
        """Whether this is its secret."""
        return hmac.compare_digest(_digest(secret), self.digest)

    def identity(self) -> Identity:
        """Who shows it."""
        expires_at = None if self.expires_at is None else self.expires_at.timestamp()
        return Identity(self.installation, self.user, self.roles, self.key_id, expires_at)


@dataclass(frozen=True, slots=True)
class Parts:
    """A key as it was shown."""

    key_id: str
    secret: str = field(repr=False)


def mint(
    installation: str, user: str, roles: Iterable[Role], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key, and the text that is told once and never kept. Raises InvalidParamsError."""
    if not is_name(installation) or (user and not is_name(user)):
        raise errors.InvalidParamsError(
            "installation, user: expected 1 to 200 characters, none a control character"
        )
    now = datetime.now(UTC)
    if expires_at is not None and expires_at <= now:
        raise errors.InvalidParamsError("the key would have expired already")
    named = frozenset(roles)
    if not named:
        raise errors.InvalidParamsError(f"roles: expected one or more of {', '.join(Role)}")
    key_id, secret = secrets.token_hex(8), secrets.token_hex(32)
    key = ApiKey(key_id, installation, user, named, _digest(secret), secret[-4:], now, expires_at)
    return key, f"lk_{key_id}_{secret}"


def parts_of(text: str) -> Parts | None:
    """The parts of a key; None if that is none."""
    found = _FORM.fullmatch(text)
    return Parts(found[1], found[2]) if found is not None else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
