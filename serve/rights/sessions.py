"""A browser's session at the gateway: who it is for, signed, in a cookie.

The cookie holds no key. It is good for half a day, and no longer than the credential that it was given for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from actors import errors
from serve.rights.identity import Identity

LIFE_S: Final = 12 * 3600.0
_PURPOSE: Final = b"lumilink browser session 1"


class SessionSeal:
    """Signs with a key that all replicas share, and that outlives the gateway."""

    def __init__(self, key: str, clock: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(key.encode(), _PURPOSE, hashlib.sha256)
        self._clock = clock

    def seal(self, identity: Identity) -> tuple[str, float]:
        """The cookie's value, and its life in seconds."""
        now = self._clock()
        ends = now + LIFE_S if identity.expires_at is None else min(identity.expires_at, now + LIFE_S)
        said = msgspec.json.encode(replace(identity, expires_at=ends).wire())
        return f"{_text(said)}.{_text(self._signature(said))}", max(0.0, ends - now)

    def open(self, cookie: str) -> Identity:
        """Who a session is for. Raises AuthenticationError for one that has ended or is none of ours."""
        head, _, tail = cookie.partition(".")
        try:
            said, signature = _bytes(head), _bytes(tail)
            if not hmac.compare_digest(signature, self._signature(said)):
                raise ValueError("not ours")
            identity = Identity.from_wire(msgspec.json.decode(said, type=list))
        except (ValueError, binascii.Error, msgspec.MsgspecError):
            raise errors.AuthenticationError("the browser's session is not valid; sign in again") from None
        if identity.expires_at is None or identity.expires_at <= self._clock():
            raise errors.AuthenticationError("the browser's session has ended; sign in again")
        return identity

    def _signature(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
