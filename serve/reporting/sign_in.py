"""``/console/session``: a browser signs in with a key or a token, and out again.

A page can neither read the cookie nor can another site have it sent: it is HttpOnly and SameSite=Strict.
"""

from __future__ import annotations

from typing import Final, Literal, TypedDict

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from serve.problem import problem
from serve.reporting.origin import guarded
from serve.rights.credentials import COOKIE, MAX_CHARS
from serve.rights.gate import gate

PATH: Final = "/console/session"
_MAX_BODY: Final = MAX_CHARS + 100


class _SignIn(msgspec.Struct, forbid_unknown_fields=True):
    key: str


class _Cookie(TypedDict):
    httponly: bool
    samesite: Literal["strict"]
    secure: bool
    path: str


class _SignedIn(msgspec.Struct, rename="camel"):
    installation: str
    user: str
    roles: list[str]
    rights: list[str]


async def signed_in(request: Request) -> Response:
    """Take a key from the body, ``{"key": …}``, or from ``Authorization``, and set the cookie."""
    try:
        identity = await gate().identify(await _with_key(request))
        value, life_s = gate().seal(identity)
    except errors.LumiLinkError as error:
        return problem(error)
    body = _SignedIn(identity.installation, identity.user, sorted(identity.roles), sorted(identity.rights))
    answer = Response(msgspec.json.encode(body), media_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    if value:
        answer.set_cookie(COOKIE, value, max_age=int(life_s), **_cookie(request))
    return answer


async def signed_out(request: Request) -> Response:
    """Take the cookie away."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, **_cookie(request))
    return answer


async def _with_key(request: Request) -> Request:
    """The request as if it had its key where others have it. A cookie of before does not sign in again."""
    headers = [(name, value) for name, value in request.scope["headers"] if name != b"cookie"]
    if "authorization" not in request.headers:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MAX_BODY:
                raise errors.FrameTooLargeError(f"expected at most {_MAX_BODY} bytes")
        if body:
            headers.append((b"authorization", f"Bearer {_key_in(body)}".encode("utf-8", "replace")))
    return Request({**request.scope, "headers": headers})


def _key_in(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_SignIn).key.strip()
    except msgspec.DecodeError:
        raise errors.InvalidParamsError('expected {"key": "an API key or a token"}') from None


def _cookie(request: Request) -> _Cookie:
    encrypted = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
    return {"httponly": True, "samesite": "strict", "secure": encrypted, "path": "/"}


ROUTES: Final = [
    Route(PATH, guarded(signed_in), methods=["POST"]),
    Route(PATH, guarded(signed_out), methods=["DELETE"]),
]
