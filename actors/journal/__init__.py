"""The journal: append-only event streams and the placements whose fences guard them; the only truth.

Start reading at ``contract.py``. The stores are ``memory.py``, ``sqlite.py`` and ``redis.py`` (which alone
needs the ``redis`` package, so none of them is imported here); ``group_commit.py`` is how a worker writes.
"""

from actors.journal.contract import (
    Appended,
    AppendResult,
    Durability,
    Entry,
    Head,
    Journal,
    NewEntry,
    Page,
    Placement,
    Placements,
    Refused,
    Size,
    StreamAppend,
)
from actors.journal.group_commit import AppendSource, GroupWriter
from actors.journal.group_limits import WriterLimits, WriterState, WriterStatistics

__all__ = [
    "AppendResult",
    "AppendSource",
    "Appended",
    "Durability",
    "Entry",
    "GroupWriter",
    "Head",
    "Journal",
    "NewEntry",
    "Page",
    "Placement",
    "Placements",
    "Refused",
    "Size",
    "StreamAppend",
    "WriterLimits",
    "WriterState",
    "WriterStatistics",
]
