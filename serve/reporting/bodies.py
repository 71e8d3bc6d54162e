"""Bodies of requests: never more than may be, and of the shape that is expected."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors

T = TypeVar("T")


async def read_body(request: Request, shape: type[T], most: int) -> T:
    """The body as a shape. Raises FrameTooLargeError over ``most`` bytes, and InvalidParamsError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise errors.FrameTooLargeError(f"expected at most {most} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.DecodeError as error:
        raise errors.InvalidParamsError(f"the body: {error}") from None


def answer_json(shape: object, status: int = 200) -> Response:
    """The shape as JSON, which nobody keeps."""
    headers = {"Cache-Control": "private, no-store"}
    return Response(msgspec.json.encode(shape), status, headers=headers, media_type="application/json")
