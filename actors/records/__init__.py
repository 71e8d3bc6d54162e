"""The records: a projection of the journal that can be read by tenant, and derived again.

``migrate(url)`` once, then ``RecordStore.open(url)``. See ``docs/records.md``.
"""

from actors.records import kinds
from actors.records.batches import SetAside, Standing, StreamBatch
from actors.records.kinds import Kind
from actors.records.queries import Page, Query
from actors.records.schema import migrate
from actors.records.store import RecordStore
from actors.records.writing import Change, How, Position

__all__ = [
    "Change",
    "How",
    "Kind",
    "Page",
    "Position",
    "Query",
    "RecordStore",
    "SetAside",
    "Standing",
    "StreamBatch",
    "kinds",
    "migrate",
]
