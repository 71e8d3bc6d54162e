"""JSON Web Tokens of one issuer: who shows them, and until when (RFC 7519; RFC 8725 for what to refuse)."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

import jwt
from jwt import PyJWK

from actors import errors
from serve.rights.identity import Identity, is_name
from serve.rights.key_set import ALGORITHMS, KeySet
from serve.rights.roles import Role
from serve.rights.settings import TokenSettings

MAX_PROVEN: Final = 4096

Claims = Mapping[str, object]


class TokenVerifier:
    """Checks tokens. Those that were found good are not worked out again while they and their key last."""

    def __init__(self, settings: TokenSettings, keys: KeySet, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._proven: OrderedDict[bytes, tuple[Identity, PyJWK]] = OrderedDict()

    def known(self, token: str) -> Identity | None:
        """Who shows a token that was found good lately."""
        found = self._proven.get(_digest(token))
        if found is None:
            return None
        identity, key = found
        assert identity.expires_at is not None
        return identity if identity.expires_at > self._clock() and self._keys.holds(key) else None

    async def verify(self, token: str) -> Identity:
        """Who shows a token. Raises AuthenticationError, and RightsUnavailableError."""
        key = await self._key_of(token)
        wanted = self._settings
        try:
            claims: Claims = jwt.decode(
                token,
                key=key,
                algorithms=ALGORITHMS,
                issuer=wanted.issuer,
                audience=wanted.audience,
                leeway=wanted.leeway_s,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            # Its text may quote the token's own; its kind says enough.
            raise errors.AuthenticationError(f"the token is not valid ({type(error).__name__})") from None
        identity = self._identity(claims, token)
        self._keep(token, identity, key)
        return identity

    async def _key_of(self, token: str) -> PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise errors.AuthenticationError("the credential is neither an API key nor a token") from None
        key_id = header.get("kid")
        key = await self._keys.key(key_id if isinstance(key_id, str) else None)
        if key is None:
            raise errors.AuthenticationError("the token is signed by a key that is not the issuer's")
        if header.get("alg") != key.algorithm_name:
            raise errors.AuthenticationError("the token's algorithm is not that of its key")
        return key

    def _identity(self, claims: Claims, token: str) -> Identity:
        wanted = self._settings
        installation = claims.get(wanted.installation_claim)
        user = claims.get(wanted.user_claim, "")
        expires_at = claims["exp"]
        if not isinstance(installation, str) or not is_name(installation):
            raise errors.AuthenticationError(f"the token has no claim {wanted.installation_claim}")
        if not isinstance(user, str) or (user and not is_name(user)):
            raise errors.AuthenticationError(f"the token's claim {wanted.user_claim} names no user")
        assert isinstance(expires_at, int | float)
        roles = _roles(claims.get(wanted.roles_claim))
        name = f"token-{_digest(token).hex()[:16]}"
        return Identity(installation, user, roles, name, expires_at + wanted.leeway_s)

    def _keep(self, token: str, identity: Identity, key: PyJWK) -> None:
        self._proven[_digest(token)] = identity, key
        while len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)


def _roles(claim: object) -> frozenset[Role]:
    """Those of the claim, a list or words in one text, that are ours; an issuer may have others, too."""
    named = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else []
    return frozenset(role for role in Role if role in named)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
