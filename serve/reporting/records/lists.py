"""The lists of records: one table says which there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import create_model
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records import Kind, RecordStore, kinds
from actors.records.models import Record
from actors.records.queries import Value
from serve.reporting.operation import Answer, Answering, Operation
from serve.reporting.records import parameters
from serve.reporting.records.answers import Listed, answered
from serve.reporting.records.asked import Asked
from serve.reporting.records.source import records
from serve.rights import Identity, Right

R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class RecordList(Generic[R]):
    """All records of a kind; or, where it has an ``owner``, those of the one that the path names.

    ``within`` is the column that has the owner's id.
    """

    path: str
    kind: Kind[R]
    summary: str
    owner: Kind[Record] | None = None
    within: str = ""


LISTS: Final[tuple[RecordList[Any], ...]] = (
    RecordList("/api/v1/sessions", kinds.SESSIONS, "Sessions, and how each is carried."),
    RecordList("/api/v1/connections", kinds.CONNECTIONS, "Connections to containers, and how well they do."),
    RecordList(
        "/api/v1/connections/{id}/history",
        kinds.TRANSITIONS,
        "Every change of a connection's status, with its cause.",
        kinds.CONNECTIONS,
        "connection_id",
    ),
    RecordList("/api/v1/messages", kinds.MESSAGES, "Messages that went over connections."),
    RecordList(
        "/api/v1/sessions/{id}/transcript",
        kinds.TRANSCRIPTS,
        "What the system told the users of a session.",
        kinds.SESSIONS,
        "session_id",
    ),
    RecordList("/api/v1/migrations", kinds.MIGRATIONS, "Workspaces that changed their protocol."),
    RecordList("/api/v1/rollbacks", kinds.ROLLBACKS, "Workspaces that went back to another protocol."),
    RecordList("/api/v1/automations", kinds.AUTOMATIONS, "What automations did, or why they did nothing."),
    RecordList("/api/v1/containers", kinds.CONTAINERS, "Containers, and the protocols that reach them."),
    RecordList("/api/v1/erasures", kinds.ERASURES, "Receipts of what was erased."),
    RecordList("/api/v1/configurations", kinds.CONFIGURATIONS, "How containers are connected to."),
)
"""Transcripts of all sessions are in ``transcripts.py``, since they can be searched."""


def operation_of(listed: RecordList[Any]) -> tuple[Operation, Answering]:
    """A list as an operation, and what answers it."""
    kind = listed.kind
    needed = (
        *((parameters.ID,) if listed.owner else ()),
        *parameters.filter_parameters(kind, listed.within),
        *parameters.TIME,
        parameters.sort_parameter(kind),
        *parameters.PAGE,
    )
    shape = listed_of(kind)
    missing = (errors.RecordNotFoundError,) if listed.owner else ()
    operation = Operation(
        "GET",
        listed.path,
        listed.summary,
        "records",
        Answer(shape, has_etag=True),
        Right.RECORDS_READ,
        parameters=needed,
        faults=(errors.InvalidParamsError, *missing, errors.RecordsUnavailableError),
    )
    known = [one.name for one in needed if not one.is_path]

    async def answer(request: Request, identity: Identity) -> Response:
        asked = Asked(request, known)
        where = parameters.filters(kind, asked, listed.within)
        query = parameters.query(kind, asked, {**where, **_owned(request, listed)})
        async with records().reading() as store:
            if listed.owner is not None:
                await required(store, identity, listed.owner, request.path_params["id"])
            page = await store.page(identity.installation, kind, query)
        return answered(request, shape.model_construct(items=page.items, next_cursor=page.next_cursor))

    return operation, answer


def listed_of(kind: Kind[R]) -> type[Listed[R]]:
    """The shape of a page of a kind."""
    return create_model(f"{kind.model.__name__}List", __base__=Listed[kind.model], __doc__=Listed.__doc__)  # type: ignore[name-defined]  # the model is known at run time


async def required(store: RecordStore, identity: Identity, kind: Kind[R], key: str) -> R:
    """A record of the caller's installation. Raises RecordNotFoundError."""
    found = await store.get(identity.installation, kind, key)
    if found is None:
        raise errors.RecordNotFoundError(f"there is no record of {to_camel(kind.key)} {key[:80]!r}")
    return found


def _owned(request: Request, listed: RecordList[Any]) -> dict[str, Value]:
    return {to_camel(listed.within): request.path_params["id"]} if listed.owner else {}
