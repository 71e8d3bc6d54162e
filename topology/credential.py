"""The credential that a command shows to a gateway: from a file or the environment, never its arguments.

Every user of a machine can read the arguments of every process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from actors import errors

VARIABLE: Final = "LUMILINK_KEY"
MAX_CHARS: Final = 8192


def credential(key_file: Path | None) -> str:
    """An API key or a token; empty if there is none. Raises SettingsError for a file that holds none."""
    if key_file is None:
        return _checked(os.environ.get(VARIABLE, ""), VARIABLE)
    try:
        with key_file.open() as file:
            text = file.read(MAX_CHARS + 2)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not text"
        raise errors.SettingsError(f"--key-file: {key_file}: cannot be read: {why}") from None
    if not text.strip():
        raise errors.SettingsError(f"--key-file: {key_file}: is empty")
    return _checked(text, f"--key-file: {key_file}")


def _checked(text: str, name: str) -> str:
    text = text.strip()
    if len(text) > MAX_CHARS or not (text.isascii() and text.isprintable()) or " " in text:
        raise errors.SettingsError(f"{name}: expected one API key or token on one line")
    return text
