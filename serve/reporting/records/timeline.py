"""``/api/v1/sessions/{id}/timeline``: everything that happened in a session, in one list."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.records import RecordStore, kinds
from actors.records.merged import Given, Place, Recorded, Source, merged
from actors.records.models import ContainerSession, MessageType
from actors.records.queries import DEFAULT_LIMIT, MOST_LIMIT
from serve.reporting.operation import Answer, Operation
from serve.reporting.records import happenings, parameters
from serve.reporting.records.answers import Listed, answered
from serve.reporting.records.asked import Asked
from serve.reporting.records.happenings import TimelineEntry
from serve.reporting.records.lists import required
from serve.reporting.records.parameters import Order
from serve.reporting.records.source import records
from serve.rights import Identity, Right

_TELLING: Final = (MessageType.CONNECT, MessageType.DISCONNECT, MessageType.STATUS, MessageType.COMMAND)
"""The messages that tell of turns, questions, the connection and the protocol; all else is conversation."""
_MOST_READINGS: Final = 5
_TICK: Final = timedelta(milliseconds=1)


class Timeline(Listed[TimelineEntry]):
    """A page of a timeline."""


OPERATION: Final = Operation(
    "GET",
    "/api/v1/sessions/{id}/timeline",
    "Everything that happened in a session, in one list.",
    "records",
    Answer(Timeline, has_etag=True),
    Right.RECORDS_READ,
    details=(
        "Turns, questions and decisions, changes of the connection and of the protocol, notices, automations "
        "and the rollbacks and migrations of its workspace: when each was, what came out of it, and why it "
        "succeeded, was skipped or failed."
    ),
    parameters=(parameters.ID, *parameters.TIME, *parameters.PAGE),
    faults=(errors.InvalidParamsError, errors.RecordNotFoundError, errors.RecordsUnavailableError),
)


async def timeline(request: Request, identity: Identity) -> Response:
    """``OPERATION``."""
    asked = Asked(request, [one.name for one in OPERATION.parameters if not one.is_path])
    order = asked.choice("order", Order) or Order.DESC
    reading = _Reading(
        asked.moment("from"),
        asked.moment("to"),
        order is Order.ASC,
        asked.number("limit", DEFAULT_LIMIT, MOST_LIMIT),
        asked.text("cursor"),
    )
    async with records().reading() as store:
        session = await required(store, identity, kinds.SESSIONS, request.path_params["id"])
        page = await reading.page(store, session)
    return answered(request, page)


class _Reading:
    """One page's worth."""

    def __init__(
        self, since: datetime | None, until: datetime | None, ascending: bool, limit: int, cursor: str | None
    ) -> None:
        self._since = since
        self._until = until
        self._ascending = ascending
        self._limit = limit
        self._cursor = cursor

    async def page(self, store: RecordStore, session: ContainerSession) -> Timeline:
        sources = self._sources(session)
        after = None if self._cursor is None else Place.parse(self._cursor, len(sources))
        entries: list[TimelineEntry] = []
        for _ in range(_MOST_READINGS):
            found = await merged(
                store, session.installation_id, sources, after, self._limit, ascending=self._ascending
            )
            entries += filter(None, map(happenings.entry_of, found.things))
            after = found.next
            # A page of messages that tell of nothing is not worth a request of its own.
            if after is None or entries:
                break
        cursor = None if after is None else str(after)
        return Timeline.model_construct(items=tuple(entries), next_cursor=cursor)

    def _sources(self, session: ContainerSession) -> list[Source]:
        """Those of the session as the time is asked for; its workspace's while it was there."""
        since, until = self._since, self._until
        its_own = {"sessionId": session.session_id}
        messages = {**its_own, "messageType": [one.value for one in _TELLING]}
        workspace = {"workspaceId": session.workspace_id}
        begun = max(filter(None, (since, session.created_at)))
        ends = [moment for moment in (until, session.closed_at and session.closed_at + _TICK) if moment]
        ended = min(ends) if ends else None
        containers = {**workspace, "containerId": [None, session.container_id]}
        bounds = [one for one in (happenings.begun(session), happenings.ended(session)) if one is not None]
        within = [one for one in bounds if (since or one.at) <= one.at < (until or one.at + _TICK)]
        return [
            Given([(one.at, one.id, one) for one in within]),
            Recorded(kinds.MESSAGES, messages, since, until),
            Recorded(kinds.TRANSCRIPTS, its_own, since, until),
            Recorded(kinds.AUTOMATIONS, its_own, since, until),
            Recorded(kinds.ROLLBACKS, workspace, begun, ended),
            Recorded(kinds.MIGRATIONS, containers, begun, ended),
        ]
