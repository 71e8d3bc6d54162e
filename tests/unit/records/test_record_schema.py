"""Tables, models and indexes agree, and lists are read by an index."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest
from pydantic.alias_generators import to_camel
from sqlalchemy import Table, UniqueConstraint, create_engine
from sqlalchemy.dialects import sqlite
from unit.records.examples import EXAMPLES, NOON

from actors.connection.states import ConnectionState
from actors.errors import InvalidParamsError
from actors.records import Kind, Query
from actors.records.kinds import KINDS
from actors.records.models import ConnectionStatus, Record
from actors.records.queries import cursor_after, statement
from actors.records.tables import (
    API_KEYS,
    INSTANCE_LOGS,
    JOB_RUNS,
    JOBS,
    METADATA,
    METRIC_TOTALS,
    OUTBOX,
    PAYLOADS,
    POSITIONS,
    RUNNERS,
    SET_ASIDE,
    SETTING_CHANGES,
    SETTING_REGISTRY,
)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.table.name)


def indexed(table: Table) -> set[tuple[str, ...]]:
    """The columns of each index, and all that it begins with."""
    columns = [tuple(column.name for column in index.columns) for index in table.indexes]
    columns += [
        tuple(column.name for column in constraint.columns)
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    return {one[:length] for one in columns for length in range(1, len(one) + 1)}


def test_every_table_is_of_a_kind() -> None:
    others = {PAYLOADS, POSITIONS, SET_ASIDE, METRIC_TOTALS, API_KEYS}
    others |= {OUTBOX, RUNNERS, JOBS, JOB_RUNS, INSTANCE_LOGS, SETTING_REGISTRY, SETTING_CHANGES}
    assert set(METADATA.tables.values()) == {kind.table for kind in KINDS} | others
    assert list(EXAMPLES) == [kind.table.name for kind in KINDS]


# Whoever shows an API key says which one it is, and not whose; and the outbox is sent in the order of all.
owned = [table for table in METADATA.tables.values() if table not in (API_KEYS, OUTBOX)]


@pytest.mark.parametrize("table", owned, ids=lambda table: table.name)
def test_the_installation_comes_first_in_every_key_and_index(table: Table) -> None:
    assert next(iter(table.primary_key.columns)).name == "installation_id"
    assert {columns[0] for columns in indexed(table)} <= {"installation_id"}


@every_kind
def test_a_table_has_the_members_of_its_record_and_where_it_came_from(kind: Kind[Record]) -> None:
    assert {column.name for column in kind.table.columns} == {*kind.model.model_fields, "stream", "seq"}


@every_kind
def test_a_member_that_a_record_may_lack_may_be_null(kind: Kind[Record]) -> None:
    for name, field in kind.model.model_fields.items():
        may_be_none = type(None) in getattr(field.annotation, "__args__", ())
        assert kind.table.c[name].nullable or not may_be_none, name


@every_kind
def test_every_filter_and_sort_has_an_index(kind: Kind[Record]) -> None:
    columns = indexed(kind.table)

    assert all(("installation_id", name) in columns for name in kind.filters)
    assert all(("installation_id", name, kind.key) in columns for name in kind.sorts)


@every_kind
def test_sqlite_reads_a_list_by_an_index_in_its_order(kind: Kind[Record]) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        METADATA.create_all(connection)
        record = EXAMPLES[kind.table.name]()
        first = Query(limit=10)
        queries = [first, dataclasses.replace(first, cursor=cursor_after(kind, first, record))]
        queries += [Query(where=_some(kind, name)) for name in kind.filters]
        for query in queries:
            sql = statement(kind, "acme", query).compile(
                dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
            )
            plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))
            assert plan.startswith(f"SEARCH {kind.table.name} USING INDEX"), plan
            assert "TEMP B-TREE" not in plan or ("container_id" in query.where), plan
    engine.dispose()


def _some(kind: Kind[Record], name: str) -> dict[str, str | bool | None]:
    values: dict[type, str | bool] = {str: "x", bool: True}
    return {to_camel(name): values.get(kind.table.c[name].type.python_type)}


def test_a_connection_s_status_is_a_state_of_its_actor() -> None:
    assert {status.value for status in ConnectionStatus} == {state.value for state in ConnectionState}


WRONG = {
    "limit of none": Query(limit=0),
    "limit of too many": Query(limit=201),
    "sort": Query(sort="size"),
    "sort in snake case": Query(sort="-created_at"),
    "sort twice descending": Query(sort="--createdAt"),
    "filter": Query(where={"payload": "x"}),
    "filter in snake case": Query(where={"workspace_id": "x"}),
    "filter of another type": Query(where={"workspaceId": True}),
    "cursor of nothing": Query(cursor=""),
    "cursor that is none": Query(cursor="%%%"),
    "cursor that is too long": Query(cursor="A" * 3000),
    "cursor of another shape": Query(cursor="W10"),
    "since without zone": Query(since=datetime(2026, 1, 1)),  # noqa: DTZ001
}


@pytest.mark.parametrize("query", WRONG.values(), ids=WRONG.keys())
def test_a_query_that_makes_no_sense_is_refused(query: Query) -> None:
    with pytest.raises(InvalidParamsError):
        statement(KINDS[1], "acme", query)


def test_a_cursor_belongs_to_its_sort() -> None:
    kind = KINDS[1]
    cursor = cursor_after(kind, Query(), EXAMPLES[kind.table.name]())

    assert statement(kind, "acme", Query(cursor=cursor, since=NOON, until=datetime.now(UTC))) is not None
    with pytest.raises(InvalidParamsError, match="cursor"):
        statement(kind, "acme", Query(cursor=cursor, sort="lastActive"))


def test_a_cursor_belongs_to_its_time() -> None:
    kind = KINDS[1]
    cursor = cursor_after(kind, Query(), EXAMPLES[kind.table.name]())

    for wrong in (Query(cursor=cursor, until=NOON), Query(cursor=cursor, since=datetime.now(UTC))):
        with pytest.raises(InvalidParamsError, match="cursor"):
            statement(kind, "acme", wrong)
