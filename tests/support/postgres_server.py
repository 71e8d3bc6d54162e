"""A PostgreSQL server of the tests' own: on a free port, its data in a folder that goes with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Self

START_DEADLINE_S: Final = 30.0
STOP_DEADLINE_S: Final = 10.0
OLDEST: Final = 15
USER: Final = "lumilink"
_POLL_S: Final = 0.05
_DEBIAN: Final = Path("/usr/lib/postgresql")
# What only matters to data that is to be kept.
_HASTE: Final = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "40",
}


class PostgresServerError(Exception):
    """There is no PostgreSQL that is new enough, or it did not start; the text ends with its log."""


class PostgresServer:
    """A context manager. PostgreSQL refuses to run as root, so there it runs as the user ``postgres``."""

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._user = _user()
        self._folder = Path(tempfile.mkdtemp(prefix="lumilink-postgres-"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """A database's address, as SQLAlchemy is given it."""
        return f"postgresql+asyncpg://{USER}@127.0.0.1:{self._port}/{database}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def create_database(self, name: str) -> str:
        """A new, empty database; returns its address."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", USER, name)
        return self.url(name)

    def stop(self) -> None:
        """End it and delete its data. Stopping it twice is no harm."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_DEADLINE_S)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        data = str(self._folder / "data")
        self._run(
            "initdb", "-D", data, "-U", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            **_HASTE,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", data, *words],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=None if self._user is None else self._user.pw_uid,
                group=None if self._user is None else self._user.pw_gid,
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PostgresServerError(self._log.read_text()[-2000:])
            time.sleep(_POLL_S)

    @property
    def _log(self) -> Path:
        return self._folder / "postgres.log"

    def _answers(self) -> bool:
        asked = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(asked, check=False, timeout=START_DEADLINE_S).returncode == 0

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *words],
            check=False,
            capture_output=True,
            text=True,
            timeout=START_DEADLINE_S,
            cwd=self._folder,
            user=None if self._user is None else self._user.pw_uid,
            group=None if self._user is None else self._user.pw_gid,
        )
        if done.returncode != 0:
            raise PostgresServerError(f"{program}: {done.stderr[-2000:]}")


def _binaries() -> Path:
    """The folder of the newest server; Debian keeps it out of the path."""
    found = {int(folder.name): folder / "bin" for folder in _DEBIAN.glob("[0-9]*") if folder.name.isdigit()}
    if found and max(found) >= OLDEST:
        return found[max(found)]
    in_path = shutil.which("initdb")
    if in_path is None:
        raise PostgresServerError(
            f"PostgreSQL {OLDEST} or later is needed: apt-get install postgresql, or put initdb in PATH"
        )
    return Path(in_path).resolve().parent


def _user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
