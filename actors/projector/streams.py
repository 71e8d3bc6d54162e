"""Whose stream a stream of the journal is, told by its name."""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from actors.automation.stream import AUTOMATIONS
from actors.automation.stream import owner_of as automated_of
from actors.events.contract import PREFIX as FEEDS
from actors.events.contract import installation_of
from actors.migration.streams import WORKSPACES, owner_of
from actors.retention.contract import PREFIX as ERASURES
from actors.retention.contract import installation_of as erased_of

MARK: Final = "!"
"""Begins the names of all streams but those of sessions, which begin with a quoted name."""


class StreamKind(StrEnum):
    """What a stream is of."""

    SESSION = "session"
    WORKSPACE = "workspace"
    AUTOMATION = "automation"
    FEED = "feed"
    ERASURES = "erasures"


class Address(Struct, frozen=True):
    """A stream: its kind, the installation it belongs to, and the session or workspace that it is of."""

    stream: str
    kind: StreamKind
    installation: str
    name: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What its position is kept under."""
        return self.installation, self.stream


def address_of(stream: str) -> Address | None:
    """None for a stream that nothing is projected from."""
    if stream.startswith(FEEDS):
        return Address(stream, StreamKind.FEED, installation_of(stream))
    if stream.startswith(ERASURES):
        return Address(stream, StreamKind.ERASURES, erased_of(stream))
    if stream.startswith(WORKSPACES):
        installation, workspace_id = owner_of(stream)
        return Address(stream, StreamKind.WORKSPACE, installation, workspace_id)
    if stream.startswith(AUTOMATIONS):
        installation, workspace_id = automated_of(stream)
        return Address(stream, StreamKind.AUTOMATION, installation, workspace_id)
    installation, slash, session_id = stream.partition("/")
    if stream.startswith(MARK) or not (installation and slash and session_id):
        return None
    return Address(stream, StreamKind.SESSION, unquote(installation), session_id)
