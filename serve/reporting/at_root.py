"""Operations that are served at the root as well as under ``/api/v1``, where the document tells of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.routing import Route

from serve.reporting.operation import Answering, Operation, route

PREFIX: Final = "/api/v1"
SAME_AT_ROOT: Final = "The same is served at the path without /api/v1."


def with_root(operation: Operation, answering: Answering) -> tuple[Route, Route]:
    """Both routes of an operation."""
    at_root = replace(operation, path=operation.path.removeprefix(PREFIX))
    return route(operation, answering), route(at_root, answering)
