"""How both ends of a link prove that they know the cluster secret, without sending it.

Each side sends a nonce; each answers with HMAC-SHA256 over both nonces and its own role. A peer that
cannot is cut off before it has said anything else. The link is not encrypted: between nodes it belongs
on a private network or in a mesh that encrypts.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

NONCE_BYTES = 32


def new_secret() -> str:
    """A fresh cluster secret: 256 random bits, hexadecimal."""
    return secrets.token_hex(32)


def new_nonce() -> bytes:
    """A fresh challenge."""
    return secrets.token_bytes(NONCE_BYTES)


def proof(secret: str, role: str, own_nonce: bytes, peer_nonce: bytes) -> bytes:
    """What the side that plays ``role`` answers to the peer's challenge."""
    return hmac.digest(secret.encode(), role.encode() + own_nonce + peer_nonce, hashlib.sha256)


def proves(given: object, secret: str, role: str, peer_nonce: bytes, own_nonce: bytes) -> bool:
    """Whether ``given`` is what a peer in ``role`` that knows the secret would have sent."""
    expected = proof(secret, role, peer_nonce, own_nonce)
    return isinstance(given, bytes) and hmac.compare_digest(given, expected)
