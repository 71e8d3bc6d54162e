"""All operations on records, and their routes."""

from __future__ import annotations

from typing import Final

from serve.reporting.operation import Answering, Operation, route
from serve.reporting.records import audit, lists, service_levels, singles, summary, timeline, transcripts

SERVED: Final[tuple[tuple[Operation, Answering], ...]] = (
    *(lists.operation_of(one) for one in lists.LISTS),
    *(singles.operation_of(*one) for one in singles.SINGLES),
    (singles.PAYLOAD, singles.payload),
    (transcripts.OPERATION, transcripts.transcripts),
    (timeline.OPERATION, timeline.timeline),
    (summary.OPERATION, summary.summary),
    (service_levels.OPERATION, service_levels.service_levels),
    (audit.OPERATION, audit.exported),
)

OPERATIONS: Final = [operation for operation, _ in SERVED]
ROUTES: Final = [route(operation, answering) for operation, answering in SERVED]
