"""What a replica is told of credentials when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Auth(StrEnum):
    """Which credentials there are."""

    NONE = "none"
    KEYS = "keys"
    JWT = "jwt"
    BOTH = "keys-and-jwt"

    @property
    def takes_keys(self) -> bool:
        """Whether API keys are taken."""
        return self in (Auth.KEYS, Auth.BOTH)

    @property
    def takes_tokens(self) -> bool:
        """Whether JSON Web Tokens are taken."""
        return self in (Auth.JWT, Auth.BOTH)


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Whose JSON Web Tokens are taken, and which of their claims say what.

    ``keys`` is the issuer's JWKS: an address (https, or http on loopback) or a file. ``leeway_s``, 0 to 60,
    is by how much clocks may differ.
    """

    issuer: str = ""
    audience: str = ""
    keys: str = ""
    installation_claim: str = "installation"
    user_claim: str = "sub"
    roles_claim: str = "roles"
    leeway_s: float = 3.0


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """``records_url`` is the database with the API keys; ``session_key`` signs the cookies of browsers.

    ``address_header`` names the header in which a proxy of the operator's tells a client's address; without
    it a client's address is not known behind HAProxy.
    """

    mode: Auth = Auth.NONE
    records_url: str = field(default="", repr=False)
    session_key: str = field(default="", repr=False)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    address_header: str = ""
