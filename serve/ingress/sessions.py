"""The requests that the gateway answers itself: list of sessions, authentication."""

from __future__ import annotations

import base64
import binascii

from actors import errors
from actors.protocol import compose
from actors.protocol.envelope import Envelope, params_of
from actors.protocol.models import ListSessionsParams
from serve.ingress.caller import Caller

PAGE = 100


async def answer(client: Caller, message: Envelope) -> None:
    """Answer ``session/list``; the agents' authentication is not for clients to do."""
    if message.method != "session/list":
        raise errors.AgentCapabilityError(
            f"{message.method}: agents are authenticated by the operator of the gateway, not through it"
        )
    params = params_of(message, ListSessionsParams)
    rows = await _rows(client, params.cwd)
    start = _position(params.cursor)
    page = [row for row in rows if _key(row) < start] if start else rows
    result: dict[str, object] = {"sessions": [_shown(row) for row in page[:PAGE]]}
    if len(page) > PAGE:
        result["nextCursor"] = base64.urlsafe_b64encode("\n".join(_key(page[PAGE - 1])).encode()).decode()
    client.settle(message.raw_id, compose.response(message.echo_id, result))


async def _rows(client: Caller, cwd: str | None) -> list[dict[str, object]]:
    """All sessions of the caller's installation, the one used last first."""
    rows: dict[object, dict[str, object]] = {}
    for found in await client.gateway.ask_workers("sessions", {"installation": client.installation}):
        assert isinstance(found, list | tuple)
        for row in found:
            # Every worker knows all that the journal has; the one that holds a session knows it best.
            if row["loaded"] or row["session_id"] not in rows:
                rows[row["session_id"]] = row
    wanted = (row for row in rows.values() if cwd is None or row["cwd"] == cwd)
    return sorted(wanted, key=_key, reverse=True)


def _key(row: dict[str, object]) -> tuple[str, str]:
    return str(row["updated_at"]), str(row["session_id"])


def _position(cursor: str | None) -> tuple[str, str] | None:
    if cursor is None:
        return None
    try:
        updated_at, session_id = base64.urlsafe_b64decode(cursor).decode().split("\n")
    except (binascii.Error, ValueError):
        raise errors.InvalidParamsError("params.cursor: not a nextCursor of ours") from None
    return updated_at, session_id


def _shown(row: dict[str, object]) -> dict[str, object]:
    shown: dict[str, object] = {
        "sessionId": row["session_id"],
        "cwd": row["cwd"],
        "updatedAt": row["updated_at"],
    }
    if row["title"] is not None:
        shown["title"] = row["title"]
    about = {
        "workspaceId": row["workspace_id"],
        "attachments": row["attachments"],
        "roles": row["roles"],
        "turn": row["turn"],
    }
    if row["connection"] is not None:
        about["connection"] = row["connection"]
    return {**shown, "_meta": {"lumilink": about}}
