"""How every baseline is served: one uvicorn process that says when it is ready."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import click
import uvicorn
import uvloop

Application = Callable[..., Awaitable[None]]
"""An ASGI application."""

_BACKLOG: Final = 2048


def baseline_command(build: Callable[[str], Application]) -> click.Command:
    """A command ``--port P --agent URL`` that serves the application which ``build`` makes for that agent."""

    @click.command()
    @click.option("--host", default="127.0.0.1", show_default=True)
    @click.option("--port", required=True, type=int)
    @click.option("--agent", required=True, help="The agent's address: ws://HOST:PORT/acp.")
    def command(host: str, port: int, agent: str) -> None:
        config = uvicorn.Config(
            build(agent),
            host=host,
            port=port,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_level="warning",
            access_log=False,
            lifespan="off",
            backlog=_BACKLOG,
            timeout_graceful_shutdown=2,
        )
        gc.freeze()  # what is imported lives to the end
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_AnnouncedServer(config).serve())

    return command


class _AnnouncedServer(uvicorn.Server):
    """Prints a ``ready`` line once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"ready http://{self.config.host}:{self.config.port}", flush=True)
