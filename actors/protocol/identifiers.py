"""The identifiers that LumiLink mints: unguessable, URL-safe, never given out twice.

Each is a prefix that tells its kind to a human reader, then 160 random bits in base64url: a session id is
also what a client presents to come back, so it must not be guessable.
"""

from __future__ import annotations

import secrets
from typing import Final

RANDOM_BYTES: Final = 20


def new_session_id() -> str:
    """An id for one ACP conversation, stable over reconnects, failover and fallback."""
    return _mint("sess_")


def new_connection_id() -> str:
    """An id for one client's ``Acp-Connection-Id``."""
    return _mint("conn_")


def _mint(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(RANDOM_BYTES)
