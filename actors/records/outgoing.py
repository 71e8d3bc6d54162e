"""The outbox: what is to be told to the message broker, written in the commit of the records it is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from actors.records.database import Database
from actors.records.tables import OUTBOX


class Outgoing(Struct, frozen=True):
    """A message. ``topic`` is its name without a prefix; ``name`` says what it tells of; ``body`` is JSON.
    ``session_id`` is the session that it names, if it names one.

    Messages of one ``key`` are sent in the order in which they were written.
    """

    topic: str
    message_id: str
    key: str
    name: str
    body: str
    session_id: str | None = None


class Waiting(Struct, frozen=True):
    """A message in the outbox, by its number in the order of all."""

    number: int
    installation_id: str
    message: Outgoing


class OutboxFigures(Struct, frozen=True):
    """``oldest`` is when the first of those that wait was written; None: none waits."""

    waiting: int
    oldest: datetime | None
    dead: int


class DeadLetter(Struct, frozen=True):
    """A message that the broker refused for good."""

    number: int
    installation_id: str
    message_id: str
    name: str
    size: int
    refused_at: datetime
    reason: str


async def put_out(connection: AsyncConnection, told: Iterable[tuple[str, str, Sequence[Outgoing]]]) -> None:
    """Write messages, within the transaction of their records.

    They come with the installation and the stream whose entries led to them.
    """
    now = datetime.now(UTC)
    rows = [
        {
            "installation_id": installation_id,
            "stream": stream,
            "session_id": one.session_id,
            "topic": one.topic,
            "message_id": one.message_id,
            "key": one.key,
            "name": one.name,
            "body": one.body,
            "written_at": now,
        }
        for installation_id, stream, messages in told
        for one in messages
    ]
    if rows:
        await connection.execute(insert(OUTBOX), rows)


async def take_back(connection: AsyncConnection, installation_id: str, stream: str, session_id: str) -> int:
    """Delete what a session's stream led to, or names the session; returns how many messages that were."""
    columns = OUTBOX.c
    its_own = (columns.stream == stream) | (columns.session_id == session_id)
    done = await connection.execute(delete(OUTBOX).where(columns.installation_id == installation_id, its_own))
    return done.rowcount


class OutgoingBox:
    """The outbox of a database. All methods raise JournalUnavailableError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first(self, limit: int) -> list[Waiting]:
        """Those that wait longest, in order."""
        columns = OUTBOX.c
        asked = select(OUTBOX).where(columns.refused_at.is_(None)).order_by(columns.number).limit(limit)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked)).all()
        return [
            Waiting(
                row.number,
                row.installation_id,
                Outgoing(row.topic, row.message_id, row.key, row.name, row.body, row.session_id),
            )
            for row in rows
        ]

    async def sent(self, numbers: Sequence[int]) -> None:
        """These are with the broker."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(OUTBOX).where(OUTBOX.c.number.in_(numbers)))

    async def refuse(self, number: int, reason: str) -> None:
        """This one is a dead letter."""
        refused = update(OUTBOX).where(OUTBOX.c.number == number)
        async with self._database.transaction() as connection:
            await connection.execute(refused.values(refused_at=datetime.now(UTC), reason=reason))

    async def figures(self) -> OutboxFigures:
        """How many wait, since when, and how many dead letters there are."""
        columns = OUTBOX.c
        waits = columns.refused_at.is_(None)
        asked = select(
            func.count().filter(waits), func.min(columns.written_at).filter(waits), func.count(columns.reason)
        )
        async with self._database.transaction() as connection:
            waiting, oldest, dead = (await connection.execute(asked)).one()
        return OutboxFigures(waiting, oldest, dead)

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """The first of them, in order."""
        columns = OUTBOX.c
        asked = select(OUTBOX).where(columns.refused_at.is_not(None)).order_by(columns.number).limit(limit)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(asked)).all()
        return [
            DeadLetter(
                row.number,
                row.installation_id,
                row.message_id,
                row.name,
                len(row.body.encode()),
                row.refused_at,
                row.reason,
            )
            for row in rows
        ]

    async def replay(self, installation_id: str | None) -> int:
        """Have the dead letters of an installation, or of all, sent again; returns how many those are."""
        columns = OUTBOX.c
        again = update(OUTBOX).where(columns.refused_at.is_not(None)).values(refused_at=None, reason=None)
        if installation_id is not None:
            again = again.where(columns.installation_id == installation_id)
        async with self._database.transaction() as connection:
            return (await connection.execute(again)).rowcount
