"""Answers of records: JSON with an ETag, so that who asks again for the same is told so."""

from __future__ import annotations

import hashlib
from typing import Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from actors.records.models import Part

T = TypeVar("T", bound=BaseModel)
_DIGEST_BYTES = 16


class Listed(Part, Generic[T]):
    """A page of a list. ``nextCursor`` is where the next one begins, null after the last."""

    items: tuple[T, ...]
    next_cursor: str | None


def answered(request: Request, shape: BaseModel) -> Response:
    """The JSON of a shape; 304 without a body if the request names its ETag."""
    body = shape.model_dump_json().encode()
    etag = f'"{hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
    if _is_known(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _is_known(named: str, etag: str) -> bool:
    """RFC 9110, 13.1.2: the weak comparison with any of a list, or with ``*``."""
    tags = (tag.strip().removeprefix("W/") for tag in named.split(","))
    return named.strip() == "*" or etag in tags
