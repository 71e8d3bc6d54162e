"""HTTP errors as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import math

import msgspec
from starlette.responses import Response

from actors import errors


def problem(error: errors.LumiLinkError) -> Response:
    """The response for an error: its status, code, category and recovery sentence."""
    body = {
        "type": "about:blank",
        "title": error.code.replace("-", " "),
        "status": error.http_status,
        "detail": error.detail,
        **error.data(),
    }
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return Response(msgspec.json.encode(body), error.http_status, headers, "application/problem+json")
