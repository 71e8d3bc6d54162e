"""The record of one measured value for analytics (FR-012)."""

from __future__ import annotations

from actors.records.models.record import Record
from actors.records.models.values import Code, Identifier, Moment, UuidText


class MetricsEnvelope(Record):
    """One value. ``workspace_id`` is None where it is the whole installation's.

    ``metric_type`` is a kebab-case name that ends in its unit where it has one: ``latency-p95-ms``.
    """

    metric_id: UuidText
    workspace_id: Identifier | None = None
    timestamp: Moment
    metric_type: Code
    value: float
    threshold_breached: bool = False
