"""How git gets a token: from a pipe that only it inherits, through a program that answers one question.

The program is a small script without a secret in it. It reads the pipe when git asks for the password of our
user at our host, and answers nothing else. So a token is on no command line, in no file and in no
environment; and whatever git is led to ask for another host, it gets nothing.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from actors.automation.contract import Token
from actors.errors import CredentialRefusedError

_SCRIPT: Final = """\
#!/bin/sh
case "$1" in
    "Password for '"{origin}"': ")
        IFS= read -r password <"/dev/fd/$LUMILINK_ASKPASS_FD" && printf '%s\\n' "$password" ;;
    *) exit 1 ;;
esac
"""
_MOST_BYTES: Final = 4096
"""What a pipe takes without anyone reading it, everywhere."""


@dataclass(frozen=True, slots=True)
class Askpass:
    """What a git that has to know the token is started with."""

    environment: Mapping[str, str]
    pass_fds: tuple[int, ...]


@contextmanager
def askpass(home: Path, origin: str, token: Token) -> Iterator[Askpass]:
    """Have a token ready for git to ask for it, once. ``origin`` is as git names it: ``https://USER@HOST``."""
    secret = f"{token.value}\n".encode()
    if len(secret) > _MOST_BYTES or not token.value.isascii() or not token.value.isprintable():
        raise CredentialRefusedError("the token has characters, or a length, that no token has")
    script = home / "askpass"
    script.write_text(_SCRIPT.format(origin=shlex.quote(origin)))
    script.chmod(0o700)
    reading, writing = os.pipe()
    try:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(secret)
        yield Askpass({"GIT_ASKPASS": str(script), "LUMILINK_ASKPASS_FD": str(reading)}, (reading,))
    finally:
        os.close(reading)
