"""Placements in the SQLite journal's tables. ``now`` and what comes of it are epoch milliseconds."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from actors.journal.contract import Placement
from actors.journal.sqlite_schema import transaction

_COLUMNS = "workspace, worker, fence, expires_at"


def acquire(
    connection: sqlite3.Connection,
    workspace: str,
    worker: str,
    lease_ms: int,
    now: int,
    seize_from: frozenset[str],
) -> Placement:
    """See ``Placements.acquire``."""
    with transaction(connection):
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM placements WHERE workspace = ?",  # noqa: S608 - a constant
            (workspace,),
        ).fetchone()
        standing = Placement(*row) if row else Placement(workspace, "", 0, 0)
        live = standing.worker != "" and standing.expires_at > now and standing.worker not in seize_from
        if live and standing.worker != worker:
            return standing
        fence = standing.fence if live else standing.fence + 1
        granted = Placement(workspace, worker, fence, now + lease_ms)
        connection.execute(
            f"INSERT OR REPLACE INTO placements ({_COLUMNS}) VALUES (?, ?, ?, ?)",  # noqa: S608 - a constant
            (workspace, worker, fence, granted.expires_at),
        )
    return granted


def renew(connection: sqlite3.Connection, held: Sequence[Placement], expires_at: int) -> list[Placement]:
    """See ``Placements.renew``."""
    renewed = []
    with transaction(connection):
        for one in held:
            changed = connection.execute(
                "UPDATE placements SET expires_at = ? WHERE workspace = ? AND worker = ? AND fence = ?",
                (expires_at, one.workspace, one.worker, one.fence),
            ).rowcount
            if changed:
                renewed.append(Placement(one.workspace, one.worker, one.fence, expires_at))
    return renewed


def release(connection: sqlite3.Connection, placement: Placement) -> bool:
    """See ``Placements.release``. The row stays for its fence: the next grant must be higher."""
    with transaction(connection):
        changed = connection.execute(
            "UPDATE placements SET worker = '', expires_at = 0"
            " WHERE workspace = ? AND worker = ? AND fence = ?",
            (placement.workspace, placement.worker, placement.fence),
        ).rowcount
    return changed > 0


def release_all(connection: sqlite3.Connection, worker: str) -> int:
    """See ``Placements.release_all``."""
    with transaction(connection):
        return connection.execute(
            "UPDATE placements SET worker = '', expires_at = 0 WHERE worker = ?", (worker,)
        ).rowcount


def lookup(connection: sqlite3.Connection, workspace: str) -> Placement | None:
    """See ``Placements.lookup``."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM placements WHERE workspace = ? AND worker != ''",  # noqa: S608 - a constant
        (workspace,),
    ).fetchone()
    return Placement(*row) if row else None


def held_by(connection: sqlite3.Connection, worker: str) -> list[Placement]:
    """See ``Placements.held_by``."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM placements WHERE worker = ? ORDER BY workspace",  # noqa: S608 - a constant
        (worker,),
    )
    return [Placement(*row) for row in rows]
