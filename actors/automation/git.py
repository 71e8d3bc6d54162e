"""Running ``git``: with a deadline, bounded output, and nothing of the surroundings.

No configuration of the machine or of a user is read, no hook runs, nothing asks at a terminal. On the
deadline, and when the caller is cancelled, git and all that it started are killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.errors import CheckoutError
from actors.protocol.redaction import redact

MOST_BYTES: Final = 64 * 1024 * 1024
"""What one command may print before it is stopped."""
_KEPT_ERROR_BYTES: Final = 16 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO")
_PROXIES: Final = (
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "NO_PROXY",
    "all_proxy",
    "ALL_PROXY",
)

SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "credential.helper=",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)
"""What holds in every command, whatever a repository's own configuration says."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended. ``cut`` is whether it was stopped because it printed more than it may."""

    code: int
    out: bytes
    err: str
    cut: bool = False

    def text(self) -> str:
        """The output without the line's end; bytes that are not UTF-8 become surrogates."""
        return os.fsdecode(self.out).rstrip("\n")


def surroundings() -> dict[str, str]:
    """The environment of every git: the little that it needs, and nothing that could steer it."""
    kept = {name: os.environ[name] for name in (*_PASSED_ON, *_PROXIES) if name in os.environ}
    return kept | {
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
        "GIT_SSH_COMMAND": "false",
    }


async def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    deadline_s: float = 60.0,
    most_bytes: int = MOST_BYTES,
    pass_fds: Sequence[int] = (),
) -> Finished:
    """Run git and wait for its end, however it ends.

    Raises CheckoutError where there is no git or no directory, and TimeoutError when the deadline is over.
    """
    command = ["git", *(part for setting in SETTINGS for part in ("-c", setting)), *arguments]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=surroundings() | dict(environment or {}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=pass_fds,
        )
    except OSError as error:
        raise CheckoutError(f"git could not be started in {cwd}: {error.strerror}") from error
    try:
        async with asyncio.timeout(deadline_s):
            return await _talk(process, stdin, most_bytes)
    finally:
        await _end(process)


async def _talk(process: asyncio.subprocess.Process, stdin: bytes, most_bytes: int) -> Finished:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        group.create_task(_feed(process.stdin, stdin))
        told = group.create_task(_read(process.stderr, _KEPT_ERROR_BYTES))
        out, cut = await _read(process.stdout, most_bytes, then_stop=process)
    code = await process.wait()
    return Finished(code, out, redact(told.result()[0].decode(errors="replace")), cut)


async def _feed(pipe: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(ConnectionError):  # git may end before it has read everything; its code tells why
        if data:
            pipe.write(data)
            await pipe.drain()
        pipe.close()
        await pipe.wait_closed()


async def _read(
    pipe: asyncio.StreamReader, most_bytes: int, then_stop: asyncio.subprocess.Process | None = None
) -> tuple[bytes, bool]:
    """What a pipe gives until its end. What is over ``most_bytes`` is dropped, or the process is stopped."""
    kept = bytearray()
    cut = False
    while chunk := await pipe.read(_CHUNK_BYTES):
        room = most_bytes - len(kept)
        kept += chunk[:room]
        if len(chunk) > room and not cut:
            cut = True
            if then_stop is not None:
                _kill(then_stop)
    return bytes(kept), cut


async def _end(process: asyncio.subprocess.Process) -> None:
    """Git's group is gone when this returns; one that has ended by itself is left as it is."""
    if process.returncode is None:
        _kill(process)
        await asyncio.shield(process.wait())


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
