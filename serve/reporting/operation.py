"""What reporting serves, as data: each operation once, from which come its route and its documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from serve.problem import problem
from serve.reporting.origin import guarded
from serve.rights import Identity, Right, demand, identify

Schema = Mapping[str, Any]
"""A JSON Schema, of any members."""
Shape = type[BaseModel] | type[Struct] | Schema
Fault = type[errors.LumiLinkError]
Answering = Callable[[Request, Identity], Awaitable[Response]]

ANYWHERE: Final[tuple[Fault, ...]] = (
    errors.InvalidRequestError,
    errors.AuthenticationError,
    errors.ForbiddenError,
)
"""What every operation that needs a right may answer."""
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the query, or of the path where ``is_path``."""

    name: str
    schema: Schema
    description: str
    is_path: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered if all goes well. ``shape`` is the body's; None: there is none."""

    shape: Shape | None
    status: int = 200
    media_types: tuple[str, ...] = (JSON,)
    description: str = "As asked."
    has_etag: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path. ``right`` is what it takes; None: anybody may.

    ``summary`` is a sentence; ``details`` are those that follow on it.
    """

    method: str
    path: str
    summary: str
    tag: str
    answer: Answer
    right: Right | None
    details: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Shape | None = None
    faults: tuple[Fault, ...] = field(default=())

    @property
    def all_faults(self) -> tuple[Fault, ...]:
        """All that it may answer when something is wrong."""
        return (*(ANYWHERE if self.right else ()), *self.faults)


def route(operation: Operation, answering: Answering) -> Route:
    """The route of an operation: it is answered to whoever has its right, and every error as a problem."""
    assert operation.right is not None
    right = operation.right

    async def answered(request: Request) -> Response:
        try:
            identity = await identify(request)
            demand(identity, right)
            return await answering(request, identity)
        except errors.LumiLinkError as error:
            return problem(error)

    return Route(operation.path, guarded(answered), methods=[operation.method])
