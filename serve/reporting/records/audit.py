"""``/api/v1/audit/export``: the audit trail, streamed as it is read, so that it may have any size."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from actors import errors
from actors.records.audit import Form, Line, Selection, export
from actors.records.kinds import BY_NAME
from serve.reporting.operation import Answer, Operation, Parameter
from serve.reporting.records import parameters
from serve.reporting.records.asked import Asked
from serve.reporting.records.source import records
from serve.rights import Identity, Right
from serve.rights.gate import while_valid

log = logging.getLogger("lumilink.audit")

MOST_EXPORTS: Final = 4
"""How many may run at a time in one process: each reads as fast as its client takes it."""
CHUNK_CHARS: Final = 64 * 1024
AGAIN_S: Final = 30.0

_KINDS: Final = {"type": "string", "examples": ["connections,automations"], "maxLength": 200}

OPERATION: Final = Operation(
    "GET",
    "/api/v1/audit/export",
    "The audit trail: the records as a file that shows if it was changed.",
    "audit",
    Answer({"type": "string"}, media_types=("application/x-ndjson", "text/csv"), description="A file."),
    Right.AUDIT_EXPORT,
    details=(
        "Each line holds the SHA-256 of the line before it and its own, over canonical JSON; the first one "
        "is a header, the last one a trailer with the count and the final hash. A file without its trailer "
        "is not whole. `lumilink verify --audit FILE` proves one and names the first line that was changed."
    ),
    parameters=(
        Parameter(
            "format", {"type": "string", "enum": list(Form), "default": "ndjson"}, "How it is written."
        ),
        Parameter("kinds", _KINDS, f"Some of {', '.join(BY_NAME)}, with commas between; all unless told."),
        *parameters.TIME,
    ),
    faults=(errors.InvalidParamsError, errors.MailboxFullError, errors.RecordsUnavailableError),
)


class _Running:
    """The exports that run in this process."""

    count = 0


_running = _Running()


def running() -> _Running:
    """Those of this process; a function, since Serve copies a deployment's globals by value."""
    return _running


async def exported(request: Request, identity: Identity) -> Response:
    """``OPERATION``."""
    asked = Asked(request, [one.name for one in OPERATION.parameters])
    form = asked.choice("format", Form) or Form.NDJSON
    wanted = Selection(
        identity.installation,
        _kinds(asked.text("kinds")),
        asked.moment("from"),
        asked.moment("to") or datetime.now(UTC),
    )
    if running().count >= MOST_EXPORTS:
        raise errors.MailboxFullError(f"{MOST_EXPORTS} exports run already", AGAIN_S)
    # Said now, and not in the midst of a file, if they are away.
    await records().ready()
    name = f"audit-{wanted.until:%Y%m%dT%H%M%SZ}.{form}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    chunks = while_valid(identity, _chunks(_lines(wanted), form, identity))
    return StreamingResponse(chunks, media_type=form.media_type, headers=headers)


def _kinds(text: str | None) -> tuple[str, ...]:
    wanted = list(BY_NAME) if text is None else text.split(",")
    unknown = [name for name in wanted if name not in BY_NAME]
    if unknown or len(set(wanted)) < len(wanted):
        raise errors.InvalidParamsError(f"kinds: expected some of {', '.join(BY_NAME)}, each once")
    return tuple(wanted)


async def _lines(wanted: Selection) -> AsyncGenerator[Line]:
    async with records().reading() as store, aclosing(export(store, wanted)) as lines:
        async for line in lines:
            yield line


async def _chunks(lines: AsyncGenerator[Line], form: Form, identity: Identity) -> AsyncIterator[bytes]:
    """The lines as they are sent. One that breaks off has no trailer, so whoever reads it can tell."""
    running().count += 1
    who = identity.user or "everybody"
    try:
        waiting, size, last = [form.heading], 0, None
        async with aclosing(lines):
            async for last in lines:
                text = form.write(last)
                waiting.append(text)
                size += len(text)
                if size >= CHUNK_CHARS:
                    yield "".join(waiting).encode()
                    waiting, size = [], 0
        yield "".join(waiting).encode()
        if last is not None:
            log.info("audit trail of %s exported by %s: final hash %s", identity.installation, who, last.hash)
    except errors.LumiLinkError as error:
        log.warning("an audit trail of %s broke off: %s", identity.installation, error.detail)
        raise
    finally:
        running().count -= 1
