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


def new_attachment_id() -> str:
    """An id for one client's live view of a session."""
    return _mint("att_")


def new_turn_id() -> str:
    """An id for one ``session/prompt`` and its outcome."""
    return _mint("turn_")


def new_question_id() -> str:
    """An id for one request of an agent that awaits a client's answer."""
    return _mint("ask_")


def _mint(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(RANDOM_BYTES)
