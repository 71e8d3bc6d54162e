"""What somebody asks of a workspace's protocol, and what is answered."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from actors.migration.audit import Metrics
from actors.migration.cause import Cause
from actors.migration.states import ProtocolState
from actors.protocol.agent_protocol import AgentProtocol


class Action(StrEnum):
    """What is to be done."""

    SHOW = "show"
    ROLL_BACK = "rollback"
    RETURN = "return"


class ProtocolCommand(Struct, frozen=True):
    """``at_s`` is the moment of a return, epoch seconds; 0: now.

    ``version``, if not None, is the one that the caller has seen. ``key``, if not empty, names the command:
    the same one is carried out once in a day; ``digest`` tells whether it is the same. ``dry_run``: only say
    what would come of it. ``dead`` is a life of a worker that is known to be over.
    """

    action: Action
    cause: Cause | None = None
    at_s: float = 0.0
    version: int | None = None
    key: str = ""
    digest: str = ""
    dry_run: bool = False
    dead: str = ""


class MigrationView(Struct, frozen=True, rename="camel"):
    """A migration that is under way; ``sessions`` still have to come over."""

    migration_id: str
    to_protocol: AgentProtocol
    started_at: str
    sessions: int


class WorkspaceProtocol(Struct, frozen=True, rename="camel"):
    """Where a workspace stands. Moments are ISO 8601; ``sessions`` are those that are loaded.

    ``would_be`` is the answer to a dry run: the protocol that the command leads to.
    """

    installation_id: str
    workspace_id: str
    protocol: AgentProtocol
    state: ProtocolState
    since: str
    version: int
    metrics: Metrics
    sessions: int = 0
    fell_back: int = 0
    cool_down_until: str | None = None
    return_at: str | None = None
    migration: MigrationView | None = None
    would_be: AgentProtocol | None = None
    loaded: bool = True


class Elsewhere(Struct, frozen=True):
    """The workspace is held by another worker: by this life of it."""

    life: str
