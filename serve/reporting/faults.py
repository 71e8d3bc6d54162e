"""What goes wrong before an endpoint is reached, or in spite of one, as a problem like all others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from actors import errors
from serve.problem import problem

log = logging.getLogger("lumilink.reporting")

_NOT_FOUND: Final = 404
_METHOD: Final = 405


async def refused(request: Request, error: Exception) -> Response:
    """There is nothing at the path, or not for this method."""
    assert isinstance(error, HTTPException)
    if error.status_code == _NOT_FOUND:
        return problem(errors.RouteUnknownError("nothing is served at this path"))
    if error.status_code == _METHOD:
        answer = problem(errors.HttpMethodError(f"{request.method} is not served at this path"))
        answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
        return answer
    return problem(errors.InvalidRequestError(str(error.detail)))


def _methods(request: Request) -> set[str]:
    """Those of all routes of the path; Starlette itself names those of the first one."""
    routes = (one for one in request.app.routes if isinstance(one, Route))
    served = (one for one in routes if one.matches(request.scope)[0] is not Match.NONE)
    return {method for one in served for method in one.methods or ()}


async def failed(request: Request, error: Exception) -> Response:
    """A bug: its trace goes to the log, and nothing of it to the client."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(errors.InternalError("the request failed by a fault of the gateway"))


HANDLERS: Final[Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    HTTPException: refused,
    Exception: failed,
}
