"""git over HTTP as GitHub serves it: ``git http-backend`` behind a check of the token."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import subprocess
from email.parser import BytesParser

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from support.github_state import GitHubState, Repository

BACKEND = "/usr/lib/git-core/git-http-backend"
DEADLINE_S = 60.0


def backend() -> str:
    """Where git keeps it, which is not the same on every machine."""
    if os.access(BACKEND, os.X_OK):
        return BACKEND
    home = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True, timeout=10)
    return f"{home.stdout.strip()}/git-http-backend"


def secret_of(request: Request) -> str | None:
    """The password of Basic authentication, which is where a token goes."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(coded).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None


async def serve_git(state: GitHubState, request: Request) -> Response:
    """One request of git. Everything needs a token; a push needs one that may write."""
    if state.redirect_git_to:
        return RedirectResponse(f"{state.redirect_git_to}{request.url.path}?{request.url.query}")
    owner, name = request.path_params["owner"], request.path_params["name"]
    secret = secret_of(request)
    if secret is None or (grant := state.grant(secret)) is None:
        return PlainTextResponse("no", 401, {"WWW-Authenticate": 'Basic realm="GitHub"'})
    repository = state.visible(grant, owner, name)
    if repository is None:
        return PlainTextResponse("Repository not found.", 404)
    path = request.path_params["path"]
    if "git-receive-pack" in (path, request.query_params.get("service")):
        if repository.archived:
            return PlainTextResponse("This repository was archived so it is read-only.", 403)
        if grant.permissions.get("contents") != "write" or not repository.may_push:
            return PlainTextResponse(f"Permission to {owner}/{name}.git denied to bot.", 403)
    return await _run_backend(request, repository, path)


async def _run_backend(request: Request, repository: Repository, path: str) -> Response:
    process = await asyncio.create_subprocess_exec(
        backend(),
        env={
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROJECT_ROOT": str(repository.path),
            "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
            "PATH_INFO": f"/{path}",
            "QUERY_STRING": request.url.query,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
            "REMOTE_USER": "bot",
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        out, _ = await process.communicate(await request.body())
    head, _, body = out.partition(b"\r\n\r\n")
    fields = BytesParser().parsebytes(head)
    status = int((fields.get("Status") or "200").split(" ")[0])
    return Response(body, status, {key: value for key, value in fields.items() if key != "Status"})
