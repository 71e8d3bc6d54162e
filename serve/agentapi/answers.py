"""Responses in AgentAPI's shape, errors above all."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.protocol.redaction import redact
from serve.agentapi.bodies import Detail, ErrorBody, with_schema

_SHAPES: Final[dict[type[errors.LumiLinkError], tuple[int, str, str]]] = {
    # A busy agent is a 500 whose cause is in the errors alone: clients of before look for it there.
    errors.AgentBusyError: (500, "unexpected error occurred", "failed to send message: "),
    errors.InvalidParamsError: (422, "validation failed", ""),
}
"""Where AgentAPI answers otherwise than we do: its status, its detail, how the cause begins."""


def base_url(request: Request) -> str:
    """The gateway's URL as this client has it."""
    return f"{request.url.scheme}://{request.url.netloc}"


def answer(
    request: Request, body: Struct, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A body with its ``$schema``."""
    return Response(with_schema(base_url(request), body), status, headers, "application/json")


def refusal(request: Request, error: errors.LumiLinkError) -> Response:
    """An error, as ``application/problem+json``."""
    # It may name what was sent, and that may be anything.
    why = redact(error.detail)
    status, detail, prefix = _SHAPES.get(type(error), (error.http_status, why, ""))
    body = ErrorBody(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=[Detail(prefix + why, "body" if status == 422 else "")],
        code=error.code,
        category=error.category.value,
        retryable=error.retryable,
        recovery=error.recovery,
        retry_after=error.retry_after_s,
    )
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if isinstance(error, errors.AuthenticationError):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(with_schema(base_url(request), body), status, headers, "application/problem+json")
