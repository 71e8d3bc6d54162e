"""Which web pages may call what tells of sessions or decides for them: the rules of ``/acp``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from serve.ingress import guard
from serve.problem import problem

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class OriginRules:
    """No hosts: any name will do."""

    allowed_hosts: tuple[str, ...] = tuple(sorted(guard.LOOPBACK_NAMES))
    allowed_origins: tuple[str, ...] = ()


_rules = OriginRules()


def rules() -> OriginRules:
    """Those of this process; a function, since Serve copies a deployment's globals by value."""
    return _rules


def guarded(endpoint: Endpoint) -> Endpoint:
    """Refuse what comes from a page of elsewhere, or by a name that was rebound to this machine."""

    async def checked(request: Request) -> Response:
        now = rules()
        why = guard.refusal(dict(request.scope["headers"]), now.allowed_hosts, now.allowed_origins)
        if why is not None:
            return problem(errors.InvalidRequestError(why))
        return await endpoint(request)

    return checked
