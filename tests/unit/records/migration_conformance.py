"""From every revision, with rows in it, the database comes to the newest: on either database.

A new revision needs its rows in ``rows_of_revisions.py``; that is all it takes to be tested here.
"""

from __future__ import annotations

import asyncio

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from unit.records.rows_of_revisions import ROWS, TENANT

from actors.records import RecordStore, migrate
from actors.records.database import make_engine
from actors.records.kinds import KINDS
from actors.records.schema import alembic_config
from actors.records.search import Search
from actors.records.tables import METADATA

SCRIPTS = ScriptDirectory.from_config(alembic_config())
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]


def rows_at(revision: str) -> list[tuple[str, dict[str, object]]]:
    """The rows that a database at a revision may hold: those of it and of all before."""
    reached = REVISIONS[: REVISIONS.index(revision) + 1]
    return [(table, row) for one in reached for table, row in ROWS[one]]


async def run(url: str, what: object) -> object:
    """A function of a synchronous connection, in a transaction of its own."""
    assert callable(what)
    engine = make_engine(url)
    try:
        async with engine.begin() as connection:
            result: object = await connection.run_sync(what)
            return result
    finally:
        await engine.dispose()


def insert(connection: Connection, rows: list[tuple[str, dict[str, object]]]) -> None:
    for table, row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(literal(value) for value in row.values())
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({values})")


def literal(value: object) -> str:
    """In SQL, so that the database takes it for what its column is: the tables' types may not help here."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def differences(connection: Connection) -> list[object]:
    """But for the index of words, which each database has in a way of its own."""
    own = ("transcript_words", "transcript_search", "message_words")
    context = MigrationContext.configure(
        connection, opts={"include_object": lambda _object, name, *_: not str(name).startswith(own)}
    )
    return list(compare_metadata(context, METADATA))


class MigrationConformance:
    """The module has a fixture ``url``: the address of an empty database."""

    def test_revisions_are_one_line_and_each_has_its_rows(self) -> None:
        assert SCRIPTS.get_heads() == [REVISIONS[-1]]
        assert list(ROWS) == REVISIONS

    @pytest.mark.parametrize("revision", REVISIONS)
    async def test_rows_of_any_revision_are_records_at_the_newest(self, url: str, revision: str) -> None:
        rows = rows_at(revision)
        await migrate(url, revision)
        await run(url, lambda connection: insert(connection, rows))

        await migrate(url)

        store = await RecordStore.open(url)
        found = {kind.table.name: len((await store.page(TENANT, kind)).items) for kind in KINDS}
        position = await store.position(TENANT, "acme/sess-1")
        await store.close()
        tables = [table for table, _ in rows]
        assert found == {kind.table.name: tables.count(kind.table.name) for kind in KINDS}
        assert position is not None
        assert (position.epoch, position.seq) == ("e1", 7)

    async def test_the_newest_revision_is_what_the_tables_say(self, url: str) -> None:
        await migrate(url)

        assert await run(url, differences) == []

    async def test_migrating_again_changes_nothing(self, url: str) -> None:
        await migrate(url)
        await run(url, lambda connection: insert(connection, rows_at(REVISIONS[-1])))
        await migrate(url)

        store = await RecordStore.open(url)
        assert all([(await store.page(TENANT, kind)).items for kind in KINDS])
        await store.close()

    async def test_what_was_written_before_there_was_a_search_is_found(self, url: str) -> None:
        await migrate(url, "0002")
        await run(url, lambda connection: insert(connection, rows_at("0002")))
        await migrate(url)

        store = await RecordStore.open(url)
        found = await store.search(TENANT, Search("repository"))
        await store.close()
        assert [entry.session_id for entry in found.items] == ["sess-1"]

    async def test_several_may_migrate_at_the_same_time(self, url: str) -> None:
        await asyncio.gather(*(migrate(url) for _ in range(3)))

        await (await RecordStore.open(url)).close()

    async def test_every_revision_can_be_undone(self, url: str) -> None:
        await migrate(url)
        await run(url, lambda connection: command.downgrade(alembic_config(connection), "base"))

        left = await run(url, lambda connection: inspect(connection).get_table_names())
        assert left == ["alembic_version"]

    async def test_a_migration_that_fails_leaves_nothing(self, url: str) -> None:
        last = METADATA.sorted_tables[-1].name
        await run(url, lambda connection: connection.execute(text(f"CREATE TABLE {last} (x INTEGER)")))

        with pytest.raises(Exception, match="database"):
            await migrate(url)

        assert await run(url, lambda connection: inspect(connection).get_table_names()) == [last]
