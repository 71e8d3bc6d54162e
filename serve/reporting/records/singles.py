"""Records one at a time, and the values that are too large to stand in one."""

from __future__ import annotations

from typing import Any, Final

from pydantic import JsonValue, RootModel
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records import Kind, kinds
from serve.reporting.operation import Answer, Answering, Operation, Parameter
from serve.reporting.records import parameters
from serve.reporting.records.answers import answered
from serve.reporting.records.asked import Asked
from serve.reporting.records.lists import required
from serve.reporting.records.source import records
from serve.rights import Identity, Right

SINGLES: Final[tuple[tuple[str, Kind[Any], str], ...]] = (
    ("/api/v1/sessions/{id}", kinds.SESSIONS, "A session, and how it is carried."),
    ("/api/v1/connections/{id}", kinds.CONNECTIONS, "A connection, and how well it does."),
)
_SHA256: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


class PayloadValue(RootModel[JsonValue]):
    """Any JSON value."""


def operation_of(path: str, kind: Kind[Any], summary: str) -> tuple[Operation, Answering]:
    """A single record as an operation, and what answers it."""
    operation = Operation(
        "GET",
        path,
        summary,
        "records",
        Answer(kind.model, has_etag=True),
        Right.RECORDS_READ,
        parameters=(parameters.ID,),
        faults=(errors.InvalidParamsError, errors.RecordNotFoundError, errors.RecordsUnavailableError),
    )

    async def answer(request: Request, identity: Identity) -> Response:
        Asked(request, ())
        async with records().reading() as store:
            return answered(request, await required(store, identity, kind, request.path_params["id"]))

    return operation, answer


PAYLOAD: Final = Operation(
    "GET",
    "/api/v1/payloads/{id}",
    "A value that is too large for its record, which has its SHA-256.",
    "records",
    Answer(PayloadValue, has_etag=True),
    Right.RECORDS_READ,
    parameters=(Parameter("id", _SHA256, "What payloadRef, logsRef or contextRef says.", is_path=True),),
    faults=(errors.InvalidParamsError, errors.RecordNotFoundError, errors.RecordsUnavailableError),
)


async def payload(request: Request, identity: Identity) -> Response:
    """``PAYLOAD``."""
    Asked(request, ())
    async with records().reading() as store:
        value = await store.payload(identity.installation, request.path_params["id"])
    if value is None:
        raise errors.RecordNotFoundError("there is no value with this SHA-256")
    return answered(request, PayloadValue(value))
