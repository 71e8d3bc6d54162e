"""``/console``: the page, its files, and what the one who looks at it may do.

The page and its files hold nothing of anybody's, so they are free: the page asks for a key itself.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors import errors
from serve.console.assets import PAGE, Asset, Assets
from serve.console.security import HEADERS
from serve.problem import problem
from serve.reporting.origin import guarded
from serve.rights import identify

_assets = Assets()


async def page(request: Request) -> Response:
    """The page; which view it shows stands behind ``#``, so it is the same for all."""
    return await _file(request, PAGE)


async def asset(request: Request) -> Response:
    """A script, a style, or plotly."""
    return await _file(request, request.path_params["name"])


async def identity(request: Request) -> Response:
    """Whom the page is shown to, and their rights: it offers nothing that would be refused."""
    try:
        who = await identify(request)
    except errors.LumiLinkError as error:
        return problem(error)
    body = {
        "installation": who.installation,
        "user": who.user,
        "credential": who.credential,
        "roles": sorted(who.roles),
        "rights": sorted(who.rights),
    }
    return Response(msgspec.json.encode(body), headers={"Cache-Control": "no-store"}, media_type=_JSON)


_JSON = "application/json"


async def _file(request: Request, name: str) -> Response:
    found = await _assets.asset(name)
    if found is None:
        return Response("no such file\n", 404, dict(HEADERS), "text/plain")
    headers = {**HEADERS, "ETag": found.etag, "Vary": "Accept-Encoding"}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return _encoded(found, request, headers)


def _encoded(found: Asset, request: Request, headers: dict[str, str]) -> Response:
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.compressed, headers=headers, media_type=found.media_type)
    return Response(found.body(), headers=headers, media_type=found.media_type)


ROUTES = [
    Route("/console", guarded(page)),
    Route("/console/identity", guarded(identity)),
    Route("/console/assets/{name:path}", guarded(asset)),
]
