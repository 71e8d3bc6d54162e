"""An issuer's public keys (JWKS, RFC 7517), from an address or a file, and anew when they are rotated."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from actors import errors
from serve.rights.addresses import is_loopback

log = logging.getLogger("lumilink.rights")

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
AGAIN_S: Final = 30.0
"""At most so often the keys are read for one that is not among them."""
FRESH_S: Final = 300.0
"""So often they are read while they are used: a key that was withdrawn is good for no longer."""
KEPT_S: Final = 3600.0
"""How long they are good while they cannot be read."""
FETCH_S: Final = 5.0
MAX_BYTES: Final = 256 * 1024
_LEAST_RSA_BITS: Final = 2048

Read = Callable[[], Awaitable[bytes]]


class KeySet:
    """``read`` gives the set's JSON, and raises RightsUnavailableError."""

    def __init__(self, read: Read, now: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._now = now
        self._keys: dict[str, PyJWK] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    async def key(self, key_id: str | None) -> PyJWK | None:
        """A key by its id, or the only one where a token names none; None if there is none such.

        Raises RightsUnavailableError while the set cannot be read and was not for an hour.
        """
        async with self._reading:
            if self._is_due(key_id):
                await self._refresh()
        if self._now() - self._read_at > KEPT_S:
            raise errors.RightsUnavailableError("the issuer's keys cannot be read", AGAIN_S)
        if key_id is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(key_id)

    def holds(self, key: PyJWK) -> bool:
        """Whether a key is still one of the set, as far as is known without asking."""
        return self._now() - self._read_at <= FRESH_S and any(one is key for one in self._keys.values())

    def _is_due(self, key_id: str | None) -> bool:
        now = self._now()
        if now - self._tried_at < AGAIN_S:
            return False
        return now - self._read_at > FRESH_S or (key_id is not None and key_id not in self._keys)

    async def _refresh(self) -> None:
        self._tried_at = self._now()
        try:
            self._keys = _keys_in(await self._read())
        except errors.RightsUnavailableError as error:
            log.warning("%s", error)
        else:
            self._read_at = self._now()


def reader_of(source: str) -> Read:
    """What reads a key set from an address or a file. Raises SettingsError for an address over plain http."""
    parts = urlsplit(source)
    if parts.scheme in ("http", "https") and parts.hostname:
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise errors.SettingsError("jwt_keys: expected https, or http on this machine alone")
        return lambda: _fetched(source)
    return lambda: _from_file(Path(source))


async def _fetched(url: str) -> bytes:
    try:
        async with asyncio.timeout(FETCH_S), httpx.AsyncClient() as http, http.stream("GET", url) as answer:
            answer.raise_for_status()
            if answer.is_redirect:
                raise errors.RightsUnavailableError("the issuer's keys: redirected, which is not followed")
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise errors.RightsUnavailableError(f"the issuer's keys: more than {MAX_BYTES} bytes")
            return body
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        # The error's own text may hold the address with what is secret in it.
        why = type(error).__name__
        raise errors.RightsUnavailableError(f"the issuer's keys cannot be read ({why})") from None


async def _from_file(path: Path) -> bytes:
    try:
        return await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise errors.RightsUnavailableError(f"{path}: cannot be read: {error.strerror}") from None


def _keys_in(body: bytes) -> dict[str, PyJWK]:
    """Those that can sign tokens, by id. Raises RightsUnavailableError for what is no set of keys."""
    try:
        listed = json.loads(body)["keys"]
        found = [_usable(one) for one in listed]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise errors.RightsUnavailableError('the issuer\'s keys: expected {"keys": […]}') from None
    return dict(one for one in found if one is not None)


def _usable(listed: dict[str, object]) -> tuple[str, PyJWK] | None:
    """A key with its id; None for one that is for other ends, too weak, or of an algorithm we do not take."""
    if listed.get("use", "sig") != "sig" or listed.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        key = PyJWK(listed)
    except (PyJWTError, ValueError, TypeError):
        log.warning("a key of the issuer's cannot be read, and is passed over")
        return None
    if key.algorithm_name not in ALGORITHMS:
        return None
    if key.algorithm_name == "RS256" and key.key.key_size < _LEAST_RSA_BITS:
        log.warning("an RSA key of the issuer's has less than %d bits, and is passed over", _LEAST_RSA_BITS)
        return None
    return str(listed.get("kid", "")), key
