"""Searching transcripts by words."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0005"
down_revision = "0004"

_PLACE: Final = (
    "min(CAST(strftime('%s', {0}.timestamp) AS INTEGER) * 1000 "
    "+ CAST(substr({0}.timestamp, 21, 3) AS INTEGER), 8796093022207) * 1048576"
)
"""The first row number of a moment: its milliseconds since 1970, with a million places in each."""
_SCOPE: Final = (
    "'i' || hex({0}.installation_id) || ' s' || hex({0}.session_id) || ' e' || hex({0}.event_type)"
)
_ITS_ID: Final = (
    "(SELECT id FROM transcript_search "
    "WHERE installation_id = {0}.installation_id AND entry_id = {0}.entry_id)"
)


def upgrade() -> None:
    """Each database has an index of words of its own."""
    if op.get_bind().dialect.name == "sqlite":
        _search_in_sqlite()
    else:
        _search_in_postgresql()


def downgrade() -> None:
    """Nothing is lost: all of it is derived."""
    if op.get_bind().dialect.name == "sqlite":
        for trigger in ("inserted", "deleted", "updated"):
            _run(f"DROP TRIGGER transcript_search_{trigger}")
        _run("DROP TABLE transcript_words")
        _run("DROP TABLE transcript_search")
    else:
        _run("ALTER TABLE transcript_entries DROP COLUMN message_words")


def _run(statement: str) -> None:
    """As it stands: a colon in it names no parameter."""
    op.get_bind().exec_driver_sql(statement)


def _search_in_postgresql() -> None:
    _run(
        "ALTER TABLE transcript_entries ADD COLUMN message_words tsvector GENERATED ALWAYS AS "
        "(to_tsvector('simple', regexp_replace(message, '[^[:alnum:]]+', ' ', 'g'))) STORED"
    )
    _run("CREATE INDEX transcript_words ON transcript_entries USING gin (message_words)")


def _search_in_sqlite() -> None:
    """An index of words without the texts, kept by triggers.

    Its row numbers grow with the entries' moments, so that the newest are found without sorting. What
    rebuilds ``transcript_entries`` has to make the triggers again.
    """
    _run(
        "CREATE TABLE transcript_search (id INTEGER PRIMARY KEY, installation_id VARCHAR(200) NOT NULL, "
        "entry_id VARCHAR(36) NOT NULL, UNIQUE (installation_id, entry_id))"
    )
    _run(
        "CREATE VIRTUAL TABLE transcript_words USING fts5 "
        "(words, scope, content='', tokenize='unicode61 remove_diacritics 0')"
    )
    _run(
        "INSERT OR IGNORE INTO transcript_search SELECT "  # noqa: S608 - of constants
        f"{_PLACE.format('e')} + row_number() OVER (PARTITION BY e.timestamp ORDER BY e.entry_id) - 1, "
        "e.installation_id, e.entry_id FROM transcript_entries AS e"
    )
    _run(
        f"INSERT INTO transcript_words (rowid, words, scope) SELECT s.id, e.message, {_SCOPE.format('e')} "  # noqa: S608
        "FROM transcript_search AS s JOIN transcript_entries AS e "
        "ON e.installation_id = s.installation_id AND e.entry_id = s.entry_id"
    )
    changed = " OR ".join(
        f"old.{name} IS NOT new.{name}" for name in ("message", "session_id", "event_type", "timestamp")
    )
    _trigger("inserted", "INSERT", _add())
    _trigger("deleted", "DELETE", _remove())
    _trigger("updated", "UPDATE", _remove() + _add(), f"WHEN {changed}")


def _trigger(name: str, event: str, statements: str, when: str = "") -> None:
    _run(
        f"CREATE TRIGGER transcript_search_{name} AFTER {event} ON transcript_entries {when} "
        f"BEGIN {statements} END"
    )


def _add() -> str:
    place, its_id = _PLACE.format("new"), _ITS_ID.format("new")
    return (
        "INSERT OR IGNORE INTO transcript_search "  # noqa: S608 - of constants
        f"SELECT coalesce(max(id) + 1, {place}), new.installation_id, new.entry_id FROM transcript_search "
        f"WHERE id >= {place} AND id < {place} + 1048576; "
        "INSERT INTO transcript_words (rowid, words, scope) "
        f"SELECT id, new.message, {_SCOPE.format('new')} FROM transcript_search WHERE id = {its_id}; "
    )


def _remove() -> str:
    its_id = _ITS_ID.format("old")
    return (
        "INSERT INTO transcript_words (transcript_words, rowid, words, scope) "  # noqa: S608 - of constants
        f"SELECT 'delete', id, old.message, {_SCOPE.format('old')} FROM transcript_search "
        f"WHERE id = {its_id}; "
        f"DELETE FROM transcript_search WHERE id = {its_id}; "
    )
