"""Where the protocol of workspaces and installations is kept: the names of the journal's streams.

A workspace's stream is written under the workspace's own lease; its entries are of the kinds ``EntryKind``,
its record is that of ``record.py``. An installation's stream holds its policy, see ``actors/rollout``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

WORKSPACES: Final = "!workspace/"
"""Begins the streams of workspaces. Those of sessions begin with a quoted name, which never has a ``!``."""
POLICIES: Final = "!protocol/"
"""Begins the streams of policies."""


class EntryKind(StrEnum):
    """What a workspace's entry tells."""

    SAMPLES = "samples"
    """Samples since the last one of these, packed as ``samples.py`` says."""
    STANDING = "standing"
    """The standing changed: JSON."""
    ROLLBACK = "rollback"
    """A rollback: JSON of a RollbackEvent. Once it is complete it is told again under the same id."""
    MIGRATION = "migration"
    """A migration: JSON of a ProtocolMigrationLog; told again under the same id when it has ended."""


class WorkspaceName(NamedTuple):
    """Whose workspace, and what it is called there."""

    installation: str
    workspace_id: str

    @property
    def key(self) -> str:
        """What it is leased by. Quoted, so that no two tenants meet whatever they are called."""
        return f"{quote(self.installation, safe='')}/{self.workspace_id}"


def workspace_stream(key: str) -> str:
    """The stream of the workspace with this key."""
    return WORKSPACES + key


def owner_of(stream: str) -> WorkspaceName:
    """Whose stream it is."""
    installation, _, workspace_id = stream.removeprefix(WORKSPACES).partition("/")
    return WorkspaceName(unquote(installation), workspace_id)


def policy_stream(installation: str) -> str:
    """The stream of an installation's policy, which is also what its writer leases."""
    return POLICIES + quote(installation, safe="")
