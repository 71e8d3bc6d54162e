"""What HTTP clients send: read within limits, and told exactly what is wrong with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import PurePath
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from serve.agentapi.answers import refusal
from serve.agentapi.service import service
from serve.agentapi.watcher import Watcher
from serve.ingress import guard
from serve.rights import Identity, Right, demand, identify

READY_S: Final = 30.0
MAX_BODY: Final = 1024 * 1024
"""What AgentAPI reads of a JSON body."""

MAX_FILE: Final = 10 * 1024 * 1024
"""What AgentAPI takes as a file."""

T = TypeVar("T", bound=Struct)
Endpoint = Callable[[Request, Identity], Awaitable[Response]]


def needs(right: Right) -> Callable[[Endpoint], Callable[[Request], Awaitable[Response]]]:
    """Let only those in who come from an allowed place and have a right; every failure has a code."""

    def guarded(endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            try:
                settings = service().gateway.settings
                headers = dict(request.scope["headers"])
                why = guard.refusal(headers, settings.allowed_hosts, settings.allowed_origins)
                if why is not None:
                    raise errors.InvalidRequestError(why)
                identity = await identify(request)
                demand(identity, right)
                return await endpoint(request, identity)
            except errors.LumiLinkError as error:
                return refusal(request, error)

        return checked

    return guarded


async def body_of(request: Request, type: type[T]) -> T:  # noqa: A002 - the word that msgspec uses
    """The JSON body. Raises FrameTooLargeError or InvalidParamsError, which says where it is wrong."""
    body = await read(request, MAX_BODY)
    try:
        return msgspec.json.decode(body, type=type)
    except (msgspec.DecodeError, RecursionError) as error:
        raise errors.InvalidParamsError(f"body: {error}") from None


async def read(request: Request, limit: int) -> bytes:
    """The body. Raises FrameTooLargeError."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise errors.FrameTooLargeError(f"the body has more than {limit} bytes")
    return bytes(body)


async def file_of(request: Request) -> tuple[str, bytes]:
    """The name and the content of the part ``file`` of a form.

    Raises FrameTooLargeError for more than 10 MiB, InvalidParamsError for what is no such form.
    """
    media_type, _ = parse_options_header(request.headers.get("content-type"))
    if media_type != b"multipart/form-data":
        raise errors.InvalidParamsError("body: expected a form (multipart/form-data) with a file named file")
    body = await read(request, MAX_FILE + MAX_BODY)
    try:
        form = await MultiPartParser(request.headers, _once(body), max_files=1, max_fields=8).parse()
    except (MultiPartException, KeyError) as error:
        raise errors.InvalidParamsError(f"body: {error}") from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise errors.InvalidParamsError("file: expected a file")
        content = await file.read()
        name = PurePath(file.filename).name
    finally:
        await form.close()
    if len(content) > MAX_FILE:
        raise errors.FrameTooLargeError("file size exceeds 10MB limit")
    return name, content


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def session_of(request: Request) -> str:
    """The session that the path names."""
    return str(request.path_params["session_id"])


async def until_ready(watcher: Watcher) -> None:
    """Wait until all of the session is here. Raises why it is not."""
    if not await watcher.ready(READY_S):
        raise errors.WorkerUnavailableError(f"the session was not reached in {READY_S:g} s", 1.0)
