"""``_agentapi/upload``: puts a file where the agent runs, as AgentAPI's ``POST /upload`` does.

An extension of ACP: to an agent over AgentAPI it is that call; an agent over ACP may know it too.
"""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

from msgspec import Struct

from actors.errors import InvalidParamsError

UPLOAD: Final = "_agentapi/upload"


class UploadParams(Struct, frozen=True, rename="camel"):
    """The request. ``data`` is base64 on the wire; ``name`` has no path. Raises InvalidParamsError."""

    session_id: str
    name: str
    data: bytes

    def __post_init__(self) -> None:
        if not self.name or self.name != PurePath(self.name).name:
            raise InvalidParamsError("params.name: expected the name of a file, without a path")


class UploadResult(Struct, frozen=True, rename="camel"):
    """The answer: where the file is, for the agent."""

    file_path: str
