"""``/api/v1/sessions/{id}/status``: how a session fares now."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.capacity.client import CapacityClient
from actors.connection.record import now_iso
from actors.connection.status.shape import LinkStatus, SessionStatus, TurnState, TurnStatus
from actors.records import kinds
from actors.worker import WorkerClient
from serve.reporting.operation import JSON, Answer, Operation, Parameter, route
from serve.reporting.records.source import records
from serve.rights import Identity, Right


async def told(request: Request, identity: Identity) -> Response:
    """What its worker says; of a session that none has loaded, what the records say."""
    session_id = request.path_params["id"]
    body = await _from_worker(session_id, identity) or await _from_records(session_id, identity)
    return Response(body, headers={"Cache-Control": "private, no-store"}, media_type=JSON)


async def _from_worker(session_id: str, identity: Identity) -> bytes | None:
    place = await CapacityClient().find(session_id)
    if place is None:
        return None
    try:
        return await WorkerClient(place.worker_id).status(session_id, identity.installation)
    except errors.SessionNotFoundError:
        return None


async def _from_records(session_id: str, identity: Identity) -> bytes:
    async with records().reading() as store:
        found = await store.get(identity.installation, kinds.SESSIONS, session_id)
    if found is None:
        raise errors.SessionNotFoundError(f"no session {session_id}")
    status = SessionStatus(
        session_id=session_id,
        at=now_iso(),
        connection=LinkStatus("disconnected", found.protocol_type.value),
        turn=TurnStatus(TurnState.IDLE),
    )
    return msgspec.json.encode(status)


_STATUS: Final = Operation(
    "GET",
    "/api/v1/sessions/{id}/status",
    "How a session fares now: its connection, its turn, progress, estimate and usage.",
    "sessions",
    Answer(SessionStatus),
    Right.SESSIONS_READ,
    details="What is not known is left out. Times are in milliseconds.",
    parameters=(Parameter("id", {"type": "string"}, "The session's id.", is_path=True),),
    faults=(errors.SessionNotFoundError, errors.WorkerUnavailableError, errors.RecordsUnavailableError),
)
OPERATIONS: Final = (_STATUS,)
ROUTES: Final = [route(_STATUS, told)]
