"""The record of an erasure: that it was done, and nothing of what was erased."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from actors.records.models.record import Record
from actors.records.models.values import Count, Identifier, Moment, UuidText


class ErasureScope(StrEnum):
    """What was erased: all of an installation, or what one of its users had opened."""

    INSTALLATION = "installation"
    SUBJECT = "subject"


class Erasure(Record):
    """A receipt. ``ordered_by`` names the credential, not its user; it is None without authentication.

    ``entries`` and ``records`` are those of the journal and of the records' database. ``digest`` is the
    SHA-256 over the names of all sessions and other streams that were erased, in their order, each hung to
    those before: whoever knows the names can tell whether these were the ones.
    """

    erasure_id: UuidText
    scope: ErasureScope
    ordered_by: Identifier | None = None
    ordered_at: Moment
    completed_at: Moment
    sessions: Count
    entries: Count
    records: Count
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.completed_at < self.ordered_at:
            raise ValueError("completedAt: is before orderedAt")
        return self
