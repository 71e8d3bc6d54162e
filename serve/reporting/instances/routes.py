"""The logs of instances: read by whoever may read records, and written by runners for themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from actors import errors
from actors.instances.happenings import events_of
from actors.instances.lines import LogLevel, LogLine, LogSource, line_of
from actors.instances.logs import InstanceLogs, LogQuery
from actors.records.models.values import is_storable
from serve.reporting.at_root import SAME_AT_ROOT, with_root
from serve.reporting.bodies import answer_json, read_body
from serve.reporting.jobs.desk import desk
from serve.reporting.operation import Answer, Operation, Parameter
from serve.reporting.records.asked import Asked
from serve.reporting.telling import outbox
from serve.rights import Identity, Right

PATH: Final = "/api/v1/instances/{instanceId}/logs"
DEFAULT_LIMIT: Final = 100
MOST_LIMIT: Final = 1_000
MOST_LINES: Final = 500
MAX_BODY: Final = 512 * 1024


class NewLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line that a runner has logged. Its level is found in it unless given, its moment is now."""

    message: Annotated[str, msgspec.Meta(max_length=4000)]
    level: str | None = None
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class NewLines(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines in the order in which they were logged."""

    lines: Annotated[list[NewLine], msgspec.Meta(min_length=1, max_length=MOST_LINES)]


async def listed(request: Request, identity: Identity) -> Response:
    """Lines of an instance, the oldest first."""
    asked = Asked(request, ("limit", "since", "level"))
    level = asked.text("level")
    query = LogQuery(
        limit=asked.number("limit", DEFAULT_LIMIT, MOST_LIMIT),
        since=asked.moment("since"),
        level=None if level is None else _level(level),
    )
    async with desk() as at:
        found = await InstanceLogs(at.database).read(identity.installation, _instance_of(request), query)
    return answer_json(found)


async def written(request: Request, identity: Identity) -> Response:
    """Keep what a runner has logged."""
    agent_id = _instance_of(request)
    said = await read_body(request, NewLines, MAX_BODY)
    lines = [_line(identity.installation, agent_id, one) for one in said.lines]
    async with desk() as at:
        await at.runners.spoken_for(identity.installation, agent_id, identity.user)
        await InstanceLogs(at.database).write(lines)
    outbox().put(events_of(lines))
    return Response(status_code=204)


def _line(installation: str, agent_id: str, said: NewLine) -> LogLine:
    # A clock that runs ahead would hide what comes after it.
    now = datetime.now(UTC)
    moment = now if said.timestamp is None else min(said.timestamp, now)
    if moment.year < 1971:
        raise errors.InvalidParamsError("timestamp: expected a moment after 1970")
    level = None if said.level is None else _level(said.level)
    at = int(moment.timestamp() * 1000)
    return line_of(installation, agent_id, said.message, LogSource.RUNNER, level, at)


def _level(named: str) -> LogLevel:
    """In any case. Raises InvalidParamsError."""
    try:
        return LogLevel(named.upper())
    except ValueError:
        raise errors.InvalidParamsError(f"level: expected one of {', '.join(LogLevel)}") from None


def _instance_of(request: Request) -> str:
    instance_id: str = request.path_params["instanceId"]
    if not is_storable(instance_id):
        raise errors.RecordNotFoundError("there is no instance of this instanceId")
    return instance_id


_ID: Final = Parameter(
    "instanceId", {"type": "string"}, "A containerId, or a runner's agentId.", is_path=True
)
_LEVEL: Final = Parameter(
    "level", {"type": "string"}, f"Only lines of this level, {', '.join(LogLevel)}, in any case."
)
_ENTRIES: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["timestamp", "level", "message"],
        "properties": {
            "timestamp": {"type": "string", "format": "date-time"},
            "level": {"type": "string", "enum": list(LogLevel)},
            "message": {"type": "string"},
            "source": {"type": "string", "enum": list(LogSource)},
        },
    },
}
_READ: Final = Operation(
    "GET",
    PATH,
    "What a container or a runner has logged, the oldest line first.",
    "instances",
    Answer(_ENTRIES),
    Right.RECORDS_READ,
    details=f"Without since the last lines, with it the first ones from that moment on. {SAME_AT_ROOT}",
    parameters=(
        _ID,
        Parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_LIMIT, "default": DEFAULT_LIMIT},
            "The most lines of an answer.",
        ),
        Parameter("since", {"type": "string", "format": "date-time"}, "Only lines from this moment on."),
        _LEVEL,
    ),
    faults=(errors.InvalidParamsError, errors.RecordNotFoundError, errors.RecordsUnavailableError),
)
_WRITE: Final = Operation(
    "POST",
    PATH,
    "Keep what a runner has logged.",
    "instances",
    Answer(None, 204, description="It is kept."),
    Right.JOBS_RUN,
    details=SAME_AT_ROOT,
    parameters=(_ID,),
    body=NewLines,
    faults=(
        errors.InvalidParamsError,
        errors.FrameTooLargeError,
        errors.RecordNotFoundError,
        errors.ConflictError,
        errors.RecordsUnavailableError,
    ),
)
OPERATIONS: Final = (_READ, _WRITE)
ROUTES: Final = [*with_root(_READ, listed), *with_root(_WRITE, written)]
