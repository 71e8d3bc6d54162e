"""Finding transcript entries by the words in them.

A word is a run of letters and digits; an entry is found if it has all words that are asked for, whole and in
any case. SQLite has an index of words by FTS5, kept by triggers; its row numbers grow with the entries'
moments, so that it gives the newest first without sorting. PostgreSQL has a column of words (``tsvector``)
with a GIN index, and decides itself whether to sort what it found or to walk through the newest; see
revision 0005.
Source: sqlite.org/fts5.html; PostgreSQL's documentation, chapter 12.
"""

from __future__ import annotations

import base64
import binascii
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, and_, column, func, literal, select, table, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.errors import InvalidParamsError
from actors.records.kinds import TRANSCRIPTS
from actors.records.models import SessionTranscriptEntry, TranscriptEventType, iso
from actors.records.models.values import is_storable
from actors.records.queries import DEFAULT_LIMIT, MOST_LIMIT, Page
from actors.records.rows import from_row

MOST_WORDS: Final = 20
LAST_MS: Final = 2**43 - 1
"""Moments after this one, in the year 2248, have no place of their own among the row numbers of SQLite."""
PLACES: Final = 2**20
"""How many entries of one millisecond have a row number."""
_NO_WORD: Final = ("[^[:alnum:]]+", " ", "g")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_entries: Final = TRANSCRIPTS.table
_words: Final = table("transcript_words", column("rowid"), column("transcript_words"))
_search: Final = table("transcript_search", column("id"), column("installation_id"), column("entry_id"))


@dataclass(frozen=True, slots=True)
class Search:
    """What to find, the newest first unless ``ascending``. The rest is as it is in a ``Query``."""

    text: str
    session_id: str | None = None
    event_type: TranscriptEventType | None = None
    since: datetime | None = None
    until: datetime | None = None
    ascending: bool = False
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @property
    def words(self) -> list[str]:
        """The words of the text, each once. Raises InvalidParamsError for none, or too many."""
        spaced = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in self.text)
        words = list(dict.fromkeys(spaced.split()))
        if not 1 <= len(words) <= MOST_WORDS:
            raise InvalidParamsError(f"q: expected 1 to {MOST_WORDS} words")
        return words


async def search(
    connection: AsyncConnection, installation_id: str, wanted: Search
) -> Page[SessionTranscriptEntry]:
    """A page of what is found. Raises InvalidParamsError."""
    if not 1 <= wanted.limit <= MOST_LIMIT:
        raise InvalidParamsError(f"limit: expected 1 to {MOST_LIMIT}")
    make = _in_postgresql if connection.dialect.name == "postgresql" else _in_sqlite
    rows = (await connection.execute(make(installation_id, wanted))).mappings().all()
    items = tuple(from_row(TRANSCRIPTS, dict(row)) for row in rows[: wanted.limit])
    if len(rows) <= wanted.limit:
        return Page(items, None)
    last = rows[wanted.limit - 1]
    place = last["search_id"] if "search_id" in last else [iso(last["timestamp"]), last["entry_id"]]
    return Page(items, _cursor(wanted, place))


def _in_sqlite(installation_id: str, wanted: Search) -> Select[Any]:
    """The row numbers come from the index of words alone, in their order; then each has its entry."""
    scope = [_scope("i", installation_id)]
    scope += [_scope("s", wanted.session_id)] if wanted.session_id else []
    scope += [_scope("e", wanted.event_type)] if wanted.event_type else []
    asked = f"words : ({_all_of(wanted.words)}) AND scope : ({_all_of(scope)})"
    rowid = _words.c.rowid
    found = select(rowid.label("id")).where(_words.c.transcript_words.match(asked)).limit(wanted.limit + 1)
    if wanted.since is not None:
        found = found.where(rowid >= first_place(wanted.since))
    if wanted.until is not None:
        found = found.where(rowid < first_place(wanted.until))
    if wanted.cursor is not None:
        place = _number(wanted)
        found = found.where(rowid > place if wanted.ascending else rowid < place)
    numbers = found.order_by(rowid.asc() if wanted.ascending else rowid.desc()).subquery()
    return (
        select(_entries, numbers.c.id.label("search_id"))
        .select_from(numbers)
        .join(_search, _search.c.id == numbers.c.id)
        .join(
            _entries,
            and_(
                _entries.c.installation_id == _search.c.installation_id,
                _entries.c.entry_id == _search.c.entry_id,
            ),
        )
        .where(_entries.c.installation_id == installation_id)
        .order_by(numbers.c.id.asc() if wanted.ascending else numbers.c.id.desc())
    )


def _in_postgresql(installation_id: str, wanted: Search) -> Select[Any]:
    columns = _entries.c
    asked = func.plainto_tsquery(text("'simple'"), func.regexp_replace(" ".join(wanted.words), *_NO_WORD))
    has_words = column("message_words").op("@@")(asked)
    found = select(_entries).where(columns.installation_id == installation_id, has_words)
    if wanted.session_id:
        found = found.where(columns.session_id == wanted.session_id)
    if wanted.event_type:
        found = found.where(columns.event_type == wanted.event_type.value)
    if wanted.since is not None:
        found = found.where(columns.timestamp >= wanted.since)
    if wanted.until is not None:
        found = found.where(columns.timestamp < wanted.until)
    by = tuple_(columns.timestamp, columns.entry_id)
    if wanted.cursor is not None:
        moment, key = _moment_and_key(wanted)
        then = tuple_(literal(moment, columns.timestamp.type), literal(key, columns.entry_id.type))
        found = found.where(by > then if wanted.ascending else by < then)
    order = (columns.timestamp, columns.entry_id)
    return found.order_by(*(one if wanted.ascending else one.desc() for one in order)).limit(wanted.limit + 1)


def first_place(moment: datetime) -> int:
    """The smallest row number, in SQLite, of entries of this moment or later."""
    microseconds = (moment - _EPOCH) // timedelta(microseconds=1)
    return min(-(-microseconds // 1000), LAST_MS) * PLACES


def _all_of(words: Iterable[str]) -> str:
    return " AND ".join(f'"{word}"' for word in words)


def _scope(letter: str, value: str) -> str:
    """The word by which the index knows of what session, type or installation an entry is."""
    return letter + value.encode().hex()


def _cursor(wanted: Search, place: object) -> str:
    said = json.dumps([wanted.ascending, wanted.words, place])
    return base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")


def _place(wanted: Search) -> object:
    """Raises InvalidParamsError for a cursor that is none, or that belongs to another search."""
    cursor = wanted.cursor or ""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        ascending, words, place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise _no_cursor() from None
    if [ascending, words] != [wanted.ascending, wanted.words]:
        raise _no_cursor()
    return place


def _number(wanted: Search) -> int:
    place = _place(wanted)
    if type(place) is not int or not 0 <= place < 2**63:
        raise _no_cursor()
    return place


def _moment_and_key(wanted: Search) -> tuple[datetime, str]:
    place = _place(wanted)
    if not isinstance(place, list) or len(place) != 2 or not all(isinstance(one, str) for one in place):
        raise _no_cursor()
    moment, key = place
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        raise _no_cursor() from None
    if found.tzinfo is None or not is_storable(key):
        raise _no_cursor()
    return found, key


def _no_cursor() -> InvalidParamsError:
    return InvalidParamsError("cursor: is none that a page of this search gave")
