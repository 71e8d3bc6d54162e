"""What tables are made of. Every one has the installation first, and says which journal entry wrote a row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import DateTime, TypeDecorator

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_1_name)s",
        "fk": "fk_%(table_name)s_%(column_1_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Moments with their zone, also in SQLite, which keeps none: they are UTC there and sort as text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """SQLite gets UTC without a zone."""
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always with a zone, which is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A column of any Python type: what a value is, the model knows.
AnyColumn = Column[Any]


def identifier(name: str, optional: bool = False) -> AnyColumn:
    """An id of somebody's choice, or a short code."""
    return Column(name, String(200), nullable=optional)


def uuid_text(name: str, optional: bool = False) -> AnyColumn:
    """A UUID in its usual spelling."""
    return Column(name, String(36), nullable=optional)


def code(name: str, optional: bool = False) -> AnyColumn:
    """A value of an enumeration."""
    return Column(name, String(100), nullable=optional)


def digest(name: str) -> AnyColumn:
    """The SHA-256 of a value that is kept apart, if it is."""
    return Column(name, String(64), nullable=True)


def text(name: str) -> AnyColumn:
    """Text for people, if there is any."""
    return Column(name, Text, nullable=True)


def moment(name: str, optional: bool = False) -> AnyColumn:
    """A moment in UTC."""
    return Column(name, UtcDateTime, nullable=optional)


def count(name: str, optional: bool = False) -> AnyColumn:
    """An integer of 64 bits."""
    return Column(name, BigInteger, nullable=optional)


def number(name: str, optional: bool = True) -> AnyColumn:
    """A measured value."""
    return Column(name, Double, nullable=optional)


def flag(name: str, optional: bool = False) -> AnyColumn:
    """Yes or no; not known yet, where it is optional."""
    return Column(name, Boolean, nullable=optional)


def structure(name: str) -> AnyColumn:
    """JSON of at most 32 KB."""
    return Column(name, JSON(none_as_null=True), nullable=True)


def record_table(name: str, key: str, *items: SchemaItem, indexes: Sequence[tuple[str, ...]]) -> Table:
    """A table of records, with indexes on columns within an installation.

    ``stream`` and ``seq`` are the journal's entry that wrote the row last.
    """
    return Table(
        name,
        METADATA,
        identifier("installation_id"),
        *items,
        Column("stream", Text, nullable=False),
        count("seq"),
        PrimaryKeyConstraint("installation_id", key),
        *(Index(f"ix_{name}_{'_'.join(columns)}", "installation_id", *columns) for columns in indexes),
    )


def belongs_to(column: str, table: str, key: str, cascade: bool = True) -> ForeignKeyConstraint:
    """A reference within the installation, checked when a transaction ends: order in it is free."""
    return ForeignKeyConstraint(
        ["installation_id", column],
        [f"{table}.installation_id", f"{table}.{key}"],
        ondelete="CASCADE" if cascade else None,
        deferrable=True,
        initially="DEFERRED",
    )
