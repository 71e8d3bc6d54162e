"""What requests that change a protocol have in common: their precondition, their key, and a dry run."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors

MAX_BODY: Final = 16 * 1024
MAX_KEY: Final = 200
DETAILS: Final = (
    "With If-Match, the version that an ETag named, it is done to that version alone. A request that is "
    "repeated with the same Idempotency-Key within a day is carried out once."
)
DRY_RUN: Final = "dryRun"
_ETAG: Final = re.compile(r'(?:W/)?"([0-9]{1,15})"', re.ASCII)
_TRUTH: Final = {"": False, "false": False, "0": False, "true": True, "1": True}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Conditions:
    """``version`` is that of If-Match, None if any will do; ``digest`` tells requests with one key apart."""

    version: int | None
    key: str
    digest: str
    dry_run: bool


async def body_of(request: Request) -> bytes:
    """The request's body. Raises FrameTooLargeError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise errors.FrameTooLargeError(f"expected at most {MAX_BODY} bytes")
    return body


def read(body: bytes, shape: type[T]) -> T:
    """The body as a shape; one that is empty is ``{}``. Raises InvalidParamsError."""
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f"the body: {error}") from None


def conditions_of(request: Request, body: bytes) -> Conditions:
    """What its headers and query say. Raises InvalidRequestError and InvalidParamsError."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > MAX_KEY or not key.isprintable():
        raise errors.InvalidRequestError(f"Idempotency-Key: expected at most {MAX_KEY} printable characters")
    told = request.query_params.get(DRY_RUN, "").lower()
    if told not in _TRUTH:
        raise errors.InvalidParamsError(f"{DRY_RUN}: expected true or false, got {told[:40]!r}")
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()
    return Conditions(_version(request.headers.get("if-match", "*")), key, digest, _TRUTH[told])


def _version(named: str) -> int | None:
    if named.strip() == "*":
        return None
    found = _ETAG.fullmatch(named.strip())
    if found is None:
        raise errors.InvalidRequestError("If-Match: expected * or the ETag of one answer")
    return int(found[1])


def answer(shape: msgspec.Struct, version: int) -> Response:
    """The shape as JSON, with its version as ETag."""
    headers = {"ETag": f'"{version}"', "Cache-Control": "private, no-cache"}
    return Response(msgspec.json.encode(shape), headers=headers, media_type="application/json")
