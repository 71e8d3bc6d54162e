"""A Redis server of the test's own: on a free port, its data in a folder, ended by its pid."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Final, Self

BINARY: Final = shutil.which("redis-server")
START_DEADLINE_S: Final = 10.0
STOP_DEADLINE_S: Final = 10.0
_POLL_S: Final = 0.02


class RedisServerError(Exception):
    """The server did not start; the text ends with its log."""


class RedisServer:
    """A context manager. With an append-only file, so that it can be killed and started again.

    ``settings`` are further settings of the server, by name.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(folder),
            "save": "",
            "appendonly": "yes",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, as a client is given it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers. Raises RedisServerError."""
        assert BINARY is not None
        words = [word for name, value in self._settings.items() for word in (f"--{name}", value)]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([BINARY, *words], stdout=log, stderr=log)
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RedisServerError((self.folder / "redis.log").read_text()[-2000:])
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """End it by force, as a crash does. Killing it twice is no harm."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_DEADLINE_S)
            self._process = None

    @property
    def pid(self) -> int:
        """The process, for signals."""
        assert self._process is not None
        return self._process.pid

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
