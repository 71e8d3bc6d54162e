"""The console's files, as they are sent: read once, each with the hash of its content as ETag."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

STATIC: Final = Path(__file__).with_name("static")
PAGE: Final = "index.html"
PLOTLY: Final = "plotly.min.js"
"""Plotly's script, which its wheel brings along: 4.8 MB, sent as 1.5 MB."""

_MEDIA_TYPES: Final = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
_COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of the console; ``compressed`` is its body by gzip."""

    media_type: str
    etag: str
    compressed: bytes

    def body(self) -> bytes:
        """As it is in the file, for the rare client that takes no gzip."""
        return gzip.decompress(self.compressed)


def _found() -> dict[str, Path]:
    names = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
    plotly = Path(str(files("plotly"))) / "package_data" / PLOTLY
    return {name: path for name, path in names.items() if path.suffix in _MEDIA_TYPES} | {PLOTLY: plotly}


class Assets:
    """The files that there are when it is made; no other name is ever looked for on the disk."""

    def __init__(self) -> None:
        self._paths = _found()
        self._loaded: dict[str, Asset] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names of all files."""
        return frozenset(self._paths)

    async def asset(self, name: str) -> Asset | None:
        """A file by its name; None if there is none."""
        path = self._paths.get(name)
        if path is None:
            return None
        if name not in self._loaded:
            # Compressing plotly takes a quarter of a second of another thread, once.
            self._loaded[name] = await asyncio.to_thread(_load, path)
        return self._loaded[name]


def _load(path: Path) -> Asset:
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return Asset(_MEDIA_TYPES[path.suffix], etag, gzip.compress(body, _COMPRESSION, mtime=0))
