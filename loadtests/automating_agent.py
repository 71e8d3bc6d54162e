"""The stub agent, with one thing more: in every turn it changes a file in its session's folder.

``python -m loadtests.automating_agent --port P`` serves it as ``loadtests.stub_agent`` is served.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from pathlib import Path
from typing import Final

import click
import msgspec
import uvloop
from picows import ws_create_server
from picows.common import WSUpgradeRequest

from loadtests.pacing import Pacer
from loadtests.stub_agent import AgentConnection, StubAgents
from loadtests.wire import Frame

FILE: Final = "turns.txt"
"""What is changed; it is not in the repository before the first turn."""

_LOG: Final = logging.LoggerAdapter(logging.getLogger(__name__), {})
_BACKLOG: Final = 1024
_READ_BUFFER_BYTES: Final = 1024


class _NewSession(msgspec.Struct):
    cwd: str


class _Prompt(msgspec.Struct, rename="camel"):
    session_id: str


class EditingAgent(AgentConnection):
    """One WebSocket connection, whose sessions' folders change."""

    def __init__(self, agents: StubAgents) -> None:
        super().__init__(agents)
        self._folders: dict[str, Path] = {}

    def _take(self, message: Frame) -> None:
        if message.method == "session/prompt":
            edit(self._folders[msgspec.json.decode(message.params, type=_Prompt).session_id])
        super()._take(message)
        if message.method == "session/new":
            newest = next(reversed(self._sessions))
            self._folders[newest] = Path(msgspec.json.decode(message.params, type=_NewSession).cwd)


def edit(folder: Path) -> None:
    """Write a line more into the folder's file: no two folders ever have the same."""
    file = folder / FILE
    before = file.read_text() if file.exists() else ""
    file.write_text(f"{before}{folder.name}: turn {before.count(chr(10)) + 1}\n")


async def serve(host: str, port: int) -> None:
    """Serve agents until cancelled; prints a ``ready`` line with the address."""
    agents = StubAgents(Pacer())

    def connect(_: WSUpgradeRequest) -> EditingAgent:
        return EditingAgent(agents)

    server = await ws_create_server(
        connect, host, port, logger_name=_LOG, backlog=_BACKLOG, read_buffer_init_size=_READ_BUFFER_BYTES
    )
    print(f"ready ws://{host}:{server.sockets[0].getsockname()[1]}/acp", flush=True)
    await server.serve_forever()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free port; the ready line says which.")
def main(host: str, port: int) -> None:
    """Serve agents until interrupted."""
    gc.disable()  # as the stub agent does: a collection would be booked to the target's latency
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(host, port))


if __name__ == "__main__":
    main()
