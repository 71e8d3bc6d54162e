"""What a request shows: where a credential may stand, and where it may not.

In ``Authorization: Bearer`` (RFC 6750, section 2.1); where a browser lets no page set it, in the cookie of a
session at the gateway, or among the protocols that a WebSocket's handshake offers (RFC 6455, section 4.1).
Never in a URL: those are logged by everything on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from starlette.requests import HTTPConnection

from actors import errors

COOKIE: Final = "lumilink_session"
SUBPROTOCOL: Final = "lumilink"
BEARER_PROTOCOL: Final = "lumilink.bearer."
MAX_CHARS: Final = 8192


class Form(StrEnum):
    """What a credential looks like."""

    KEY = "API key"
    TOKEN = "token"  # noqa: S105 - the name of a form
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Shown:
    """A credential as it came, not yet checked."""

    form: Form
    text: str = field(repr=False)


def shown_by(connection: HTTPConnection) -> Shown | None:
    """The credential of a request; None if there is none. Raises AuthenticationError for what is none."""
    header = connection.headers.get("authorization")
    if header is not None:
        scheme, _, text = header.partition(" ")
        if scheme.lower() != "bearer":
            raise errors.AuthenticationError("Authorization: expected Bearer and an API key or a token")
        return bearer(text.strip())
    for offered in _protocols(connection):
        if offered.startswith(BEARER_PROTOCOL):
            return bearer(offered.removeprefix(BEARER_PROTOCOL))
    cookie = connection.cookies.get(COOKIE)
    return Shown(Form.SESSION, cookie[:MAX_CHARS]) if cookie else None


def bearer(text: str) -> Shown:
    """An API key or a token. Raises AuthenticationError for what cannot be either."""
    if not text or len(text) > MAX_CHARS:
        raise errors.AuthenticationError(f"the credential is empty, or longer than {MAX_CHARS} characters")
    return Shown(Form.KEY if text.startswith("lk_") else Form.TOKEN, text)


def chosen_protocol(connection: HTTPConnection) -> str | None:
    """What a WebSocket's handshake is answered with: a browser wants one of those that it offered.

    A credential is not sent back, so a browser offers ``lumilink`` beside it.
    """
    return SUBPROTOCOL if SUBPROTOCOL in _protocols(connection) else None


def _protocols(connection: HTTPConnection) -> list[str]:
    found = connection.headers.getlist("sec-websocket-protocol")
    return [one.strip() for line in found for one in line.split(",")]
