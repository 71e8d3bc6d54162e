"""A GitHub of the tests' own: the API under ``/api/v3`` and git beside it, as GitHub Enterprise has them.

What is pushed shows in the API, because both look at the same repositories. Limits, faults and what a
repository allows are switched in ``state``, or over HTTP from another process: see ``github_control``.

Alone, from the folder of the tests::

    python -m support.github_server --port 9999 --repository acme/app --token ghp_demo
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from support.git_remote import serve_git
from support.github_api import GitHubApi
from support.github_control import control_routes
from support.github_state import Fault, GitHubState

API = "/api/v3"


class Faults:
    """Records every call and lets the faults happen that are switched on for it."""

    def __init__(self, app: ASGIApp, state: GitHubState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = f"{scope.get('method')} {scope['path'].removeprefix(API)}"
        if scope["type"] != "http" or "/_control/" in call:
            await self._app(scope, receive, send)
            return
        self._state.calls.append(call)
        if self._state.on_call is not None:
            self._state.on_call(call)
        fault = self._state.fault(call)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._fail(fault, scope, receive, send)
        if self._state.after_call is not None:
            await self._state.after_call(call)

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(fault.delay_s)
        if fault.status is None:
            await self._app(scope, receive, send)
            return
        if fault.after:
            await self._app(scope, receive, _nowhere)
        if fault.status:
            await JSONResponse(fault.body, fault.status, fault.headers)(scope, receive, send)
        # Else the server finds that nothing was answered, and breaks the connection.


async def _nowhere(message: Message) -> None:
    """Where an answer goes that nobody is to see."""


@dataclass
class GitHubServer:
    """A server that runs."""

    state: GitHubState
    port: int

    @property
    def host(self) -> str:
        """Where git and the pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        """The API's base URL."""
        return f"{self.host}{API}"

    def address(self, owner: str, name: str) -> str:
        """What a checkout has as its origin."""
        return f"{self.host}/{owner}/{name}.git"


def application(state: GitHubState, host: str) -> ASGIApp:
    """The API, git and the control of both."""

    async def git(request: Request) -> Response:
        return await serve_git(state, request)

    routes: list[BaseRoute] = [
        Mount(API, routes=GitHubApi(state, host).routes()),
        *control_routes(state),
        Route("/{owner}/{name}.git/{path:path}", git, methods=["GET", "POST"]),
    ]
    return Faults(Starlette(routes=routes), state)


@asynccontextmanager
async def github_server(state: GitHubState, port: int = 0) -> AsyncIterator[GitHubServer]:
    """A server that listens on loopback, in the caller's own loop."""
    listening = socket.create_server(("127.0.0.1", port))
    server = GitHubServer(state, listening.getsockname()[1])
    config = uvicorn.Config(
        application(state, server.host), log_level="critical", lifespan="off", date_header=False
    )
    http = uvicorn.Server(config)
    serving = asyncio.get_running_loop().create_task(http.serve(sockets=[listening]))
    async with asyncio.timeout(10):
        while not http.started:
            await asyncio.sleep(0.005)
    try:
        yield server
    finally:
        # Not by should_exit, which is looked at ten times a second: a test would wait for it.
        http.force_exit = True
        await http.shutdown(sockets=[listening])
        serving.cancel()
        await asyncio.wait([serving])


async def _serve(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="github-stand-in-") as home:
        state = GitHubState(Path(arguments.home or home))
        for name in arguments.repository:
            state.add_repository(*name.split("/", 1))
        for secret in arguments.token:
            state.add_token(secret)
        if arguments.app_key:
            state.app_key = await asyncio.to_thread(Path(arguments.app_key).read_text)
        async with github_server(state, arguments.port) as server:
            sys.stdout.write(f"ready {server.host}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--home", default="", help="where the bare repositories are made")
    parser.add_argument("--repository", action="append", default=[], metavar="OWNER/NAME")
    parser.add_argument("--token", action="append", default=[])
    parser.add_argument("--app-key", default="", help="the public key of the app, a PEM file")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
