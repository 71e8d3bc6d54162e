"""Carrying out what somebody asks of a workspace, and showing where it stands."""

from __future__ import annotations

from actors import errors
from actors.migration import audit
from actors.migration.command import Action, MigrationView, ProtocolCommand, WorkspaceProtocol
from actors.migration.record import used
from actors.migration.standing import Shift, Standing
from actors.migration.states import TRANSITIONS, Change, ProtocolState
from actors.protocol.agent_protocol import AgentProtocol

_WANTED = {Action.ROLL_BACK: AgentProtocol.HTTP, Action.RETURN: AgentProtocol.ACP}
_CHANGES = {Action.ROLL_BACK: Change.PINNED, Action.RETURN: Change.RETURNED}


def carried_out(standing: Standing, command: ProtocolCommand, now_s: float) -> Shift | None:
    """Do it, unless it is done already, or was only asked what it would do.

    Raises PreconditionError where the standing is of another version than the caller has seen, ConflictError
    where its key came with another command before, or there is no HTTP to go back to.
    """
    if command.action is Action.SHOW:
        return None
    record = standing.record
    if command.key and used(record.keys, command.key, command.digest, now_s):
        return None
    if command.version is not None and command.version != record.version:
        raise errors.PreconditionError(f"the version is {record.version}, and you named {command.version}")
    if (wanted := _WANTED[command.action]) not in standing.ways:
        raise errors.ConflictError(
            f"the gateway knows no way to reach agents over {wanted.upper()}; see its settings agent and "
            "fallback_agent"
        )
    if command.dry_run:
        return None
    if command.key:
        record.use(command.key, command.digest, now_s)
    assert command.cause is not None
    if command.action is Action.ROLL_BACK:
        return standing.pin(command.cause, now_s)
    return standing.give_back(command.cause, now_s, command.at_s)


def shown(
    standing: Standing,
    now_s: float,
    command: ProtocolCommand,
    sessions: int = 0,
    coming: int = 0,
    *,
    loaded: bool = True,
) -> WorkspaceProtocol:
    """Where a workspace stands, after the command."""
    record = standing.record
    cooling = standing.state is ProtocolState.ROLLED_BACK
    last = record.under_way
    migration = None
    if last is not None:
        migration = MigrationView(last.id, last.to, audit.iso(last.started_s), coming)
    return WorkspaceProtocol(
        installation_id=standing.name.installation,
        workspace_id=standing.name.workspace_id,
        protocol=standing.protocol,
        state=standing.state,
        since=audit.iso(record.since_s),
        version=record.version,
        metrics=standing.metrics(now_s),
        sessions=sessions,
        fell_back=standing.sessions_fallen_back,
        cool_down_until=audit.iso(record.since_s + record.cool_down_s) if cooling else None,
        return_at=audit.iso(record.return_at_s) if record.return_at_s else None,
        migration=migration,
        would_be=_would_be(standing, command) if command.dry_run else None,
        loaded=loaded,
    )


def _would_be(standing: Standing, command: ProtocolCommand) -> AgentProtocol:
    change = _CHANGES.get(command.action)
    if change is None or change not in TRANSITIONS[standing.state]:
        return standing.protocol
    return AgentProtocol.HTTP if change is Change.PINNED else AgentProtocol.ACP
