"""What was erased, and when. These rows stay when all else of an installation goes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, String

from actors.records.tables.columns import code, count, identifier, moment, record_table, uuid_text

ERASURES: Final = record_table(
    "erasures",
    "erasure_id",
    uuid_text("erasure_id"),
    code("scope"),
    identifier("ordered_by", optional=True),
    moment("ordered_at"),
    moment("completed_at"),
    count("sessions"),
    count("entries"),
    count("records"),
    Column("digest", String(64), nullable=False),
    indexes=[("ordered_at", "erasure_id"), ("scope", "ordered_at", "erasure_id")],
)
