"""Reading records: files of JSON lines, as agents and clients under test write them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from actors.errors import SettingsError

Line = TypeVar("Line")


def read_lines(path: Path, decoder: msgspec.json.Decoder[Line]) -> Iterator[Line]:
    """The lines of ``path``. A last line without an end is passed over: its writer was killed as it wrote it.

    Raises SettingsError where the file cannot be read, or holds what is no line of a record.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError as error:
                    raise SettingsError(f"{path}, line {number}: no line of a record: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
