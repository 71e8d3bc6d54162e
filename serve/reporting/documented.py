"""``/api/v1/openapi.json``: all operations of reporting, as one document."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from serve.reporting.openapi import document
from serve.reporting.operation import Answer, Operation
from serve.reporting.origin import guarded

OPERATION: Final = Operation(
    "GET",
    "/api/v1/openapi.json",
    "This document.",
    "operations",
    Answer({"type": "object"}, description="OpenAPI 3.1."),
    None,
    faults=(errors.InvalidRequestError,),
)


def route_of(operations: Sequence[Operation]) -> Route:
    """The route that shows what these operations are; to anybody, for it says nothing about anybody."""
    body = msgspec.json.encode(document([*operations, OPERATION], version("lumilink")))

    async def shown(_: Request) -> Response:
        return Response(body, media_type="application/json")

    return Route(OPERATION.path, guarded(shown))
