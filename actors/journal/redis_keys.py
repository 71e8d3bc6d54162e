"""Names of the keys in Redis. Keys of one workspace share a hash tag, so that they lie on one slot."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

_ROOT: Final = "lumilink"

STREAMS: Final = f"{_ROOT}:streams"
"""Sorted set: the ids of all streams, in lexicographic order."""
WORKSPACES: Final = f"{_ROOT}:workspaces"
"""Hash: the workspace of each stream."""
TOTAL: Final = f"{_ROOT}:total"
"""Hash: how many entries and payload bytes are kept in all."""
WORKER_SETS: Final = f"{_ROOT}:worker:"
"""With a worker's name after it, a set: the workspaces that it holds."""


def placement(workspace: str) -> str:
    """Hash: worker, fence, expires."""
    return f"{_tagged(workspace)}:placement"


def head(workspace: str, stream: str) -> str:
    """Hash: epoch, first, last, bytes, meta."""
    return f"{_tagged(workspace)}:head:{stream}"


def log(workspace: str, stream: str) -> str:
    """Stream: the entries, each with its seq as id."""
    return f"{_tagged(workspace)}:log:{stream}"


def _tagged(workspace: str) -> str:
    # Quoted, since a brace in a workspace's id would end the tag, and could name another's keys.
    return f"{_ROOT}:{{{quote(workspace, safe='')}}}"
