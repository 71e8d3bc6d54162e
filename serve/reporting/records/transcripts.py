"""``/api/v1/transcripts``: what the system told users, in all sessions, and what of it has certain words."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records import kinds
from actors.records.models import TranscriptEventType
from actors.records.queries import DEFAULT_LIMIT, MOST_LIMIT
from actors.records.search import Search
from serve.reporting.operation import Answer, Operation, Parameter
from serve.reporting.records import parameters
from serve.reporting.records.answers import answered
from serve.reporting.records.asked import Asked
from serve.reporting.records.lists import listed_of
from serve.reporting.records.parameters import Order
from serve.reporting.records.source import records
from serve.rights import Identity, Right

_KIND: Final = kinds.TRANSCRIPTS
_SHAPE: Final = listed_of(_KIND)
_WORDS: Final = {"type": "string", "minLength": 1, "maxLength": 500}

OPERATION: Final = Operation(
    "GET",
    "/api/v1/transcripts",
    "What the system told users, in all sessions.",
    "records",
    Answer(_SHAPE, has_etag=True),
    Right.RECORDS_READ,
    details="With q, only the entries that have all of its words, whole and in any case.",
    parameters=(
        Parameter("q", _WORDS, "Words to find: at least one letter or digit."),
        *parameters.filter_parameters(_KIND),
        *parameters.TIME,
        parameters.sort_parameter(_KIND),
        *parameters.PAGE,
    ),
    faults=(errors.InvalidParamsError, errors.RecordsUnavailableError),
)


async def transcripts(request: Request, identity: Identity) -> Response:
    """``OPERATION``."""
    asked = Asked(request, [one.name for one in OPERATION.parameters])
    where = parameters.filters(_KIND, asked)
    query = parameters.query(_KIND, asked, where)
    text = asked.text("q")
    async with records().reading() as store:
        if text is None:
            page = await store.page(identity.installation, _KIND, query)
        else:
            page = await store.search(identity.installation, _search(asked, text))
    return answered(request, _SHAPE.model_construct(items=page.items, next_cursor=page.next_cursor))


def _search(asked: Asked, text: str) -> Search:
    if asked.text("summaryId") is not None:
        raise errors.InvalidParamsError("summaryId: does not go together with q")
    return Search(
        text,
        session_id=asked.text("sessionId"),
        event_type=asked.choice("eventType", TranscriptEventType),
        since=asked.moment("from"),
        until=asked.moment("to"),
        ascending=asked.choice("order", Order) is Order.ASC,
        limit=asked.number("limit", DEFAULT_LIMIT, MOST_LIMIT),
        cursor=asked.text("cursor"),
    )
