"""Reporting alone, served over HTTP on this machine: records in a file, and no Ray."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.requests import HTTPConnection

from actors.errors import AuthenticationError
from actors.records import Change, Position, RecordStore, migrate
from actors.records.models import Record
from serve.reporting.app import reporting_app
from serve.reporting.records.source import records
from serve.rights import Identity, Role
from serve.rights.gate import OpenGate, gate, put

_READY_S = 20.0


KEY = "lk_test_sesame"


class OneCaller(OpenGate):
    """Whoever has the key is the same, and may do everything in one installation."""

    def __init__(self, installation: str) -> None:
        self._identity = Identity(installation, "ann", frozenset(Role), "")

    async def identify(self, connection: HTTPConnection) -> Identity:
        if connection.headers.get("authorization") != f"Bearer {KEY}":
            raise AuthenticationError("this needs a key")
        return self._identity


@contextmanager
def served_records(folder: Path, installation: str, filling: list[Record]) -> Iterator[str]:
    """The address of a server that has these records."""
    url = f"sqlite+aiosqlite:///{folder / 'records.db'}"
    asyncio.run(_fill(url, installation, filling))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(reporting_app(), log_level="warning", lifespan="off"))
    before = gate()
    put(OneCaller(installation))
    records().use(url)
    thread = threading.Thread(target=lambda: asyncio.run(_serve(server, listening)), name="reporting")
    thread.start()
    try:
        _wait_until_started(server)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        thread.join(_READY_S)
        put(before)


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    await server.serve([listening])
    await records().close()


async def _fill(url: str, installation: str, filling: list[Record]) -> None:
    await migrate(url)
    store = await RecordStore.open(url)
    changes = [Change(seq, record) for seq, record in enumerate(filling, 1)]
    await store.apply(installation, Position("s", "e", len(changes)), changes)
    await store.close()


def _wait_until_started(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + _READY_S
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("reporting did not start")
        time.sleep(0.01)
