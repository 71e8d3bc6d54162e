"""The files of one workspace, and no others."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAX_ENTRIES: Final = 200
_MAX_HITS: Final = 50
_MAX_FILE_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Hit:
    """One line that a search found; ``line`` counts from 1."""

    path: str
    line: int
    text: str


class Files:
    """Reads and writes below ``root``. Every method raises an OSError whose text is fit to be shown."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def resolve(self, path: str) -> Path:
        """The real place of ``path``; PermissionError if that is outside, be it by ``..`` or by a symlink."""
        real = (self._root / path).resolve()
        if not real.is_relative_to(self._root):
            raise PermissionError(f"{path} is outside the workspace")
        return real

    def entries(self, path: str) -> list[str]:
        """What is in a directory, directories with a slash; at most 200 names."""
        directory = self.resolve(path)
        if not directory.is_dir():
            raise NotADirectoryError(f"{path} is not a directory")
        names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in directory.iterdir())
        return names[:_MAX_ENTRIES]

    def read(self, path: str) -> str:
        """The text of a file of at most 256 KiB."""
        file = self.resolve(path)
        if not file.is_file():
            raise FileNotFoundError(f"{path} is not a file")
        if file.stat().st_size > _MAX_FILE_BYTES:
            raise OSError(f"{path} has over {_MAX_FILE_BYTES} bytes")
        try:
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise OSError(f"{path} is not text") from None

    def read_if_there(self, path: str) -> str | None:
        """The text of a file, or nothing where there is no such file yet."""
        return self.read(path) if self.resolve(path).exists() else None

    def write(self, path: str, text: str) -> None:
        """Write a file, with the directories on the way to it."""
        file = self.resolve(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def search(self, text: str) -> list[Hit]:
        """The lines that contain ``text``; at most 50, none from hidden places."""
        hits: list[Hit] = []
        for path, content in self._texts():
            for number, line in enumerate(content.splitlines(), start=1):
                if text in line:
                    hits.append(Hit(path, number, line.strip()))
                    if len(hits) == _MAX_HITS:
                        return hits
        return hits

    def _texts(self) -> Iterator[tuple[str, str]]:
        """Path and text of every file that can be read as text; symlinked directories are not entered."""
        for directory, folders, names in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = str(Path(directory, name).relative_to(self._root))
                if not name.startswith("."):
                    with contextlib.suppress(OSError):
                        yield path, self.read(path)
