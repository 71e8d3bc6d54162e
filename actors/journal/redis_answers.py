"""What the functions in Redis answer, made into values of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import convert

from actors.errors import InternalError
from actors.journal import refusals
from actors.journal.contract import Appended, AppendResult, Entry, Head, Page, Placement, StreamAppend


def append_results(batch: Sequence[StreamAppend], answer: object) -> list[AppendResult]:
    """Of ``append``: verdict, epoch and a number for each."""
    rows = convert(answer, list[tuple[bytes, bytes, int]])
    return [_append_result(append, *row) for append, row in zip(batch, rows, strict=True)]


def _append_result(append: StreamAppend, verdict: bytes, epoch: bytes, number: int) -> AppendResult:
    match verdict:
        case b"ok":
            return Appended(append.stream, epoch.decode(), number)
        case b"fence":
            return refusals.by_fence(append, number)
        case b"workspace":
            return refusals.by_workspace(append)
        case b"seq":
            return refusals.by_seq(append, number)
        case _:
            raise InternalError("Redis answered an append with a verdict that is unknown")


def page(stream: str, after_seq: int, answer: object) -> Page:
    """Of ``read``: epoch, first kept, last, and the entries; nothing for an unknown stream."""
    parts = convert(answer, list[object])
    if not parts:
        return Page(after_seq, (), 1, 0, "")
    epoch, first_kept, last_seq = convert(parts[:3], tuple[bytes, int, int])
    rows = convert(parts[3:], list[tuple[bytes, bytes, bytes, bytes]])
    entries = [
        Entry(stream, int(place.partition(b"-")[0]), kind.decode(), payload, int(at))
        for place, kind, at, payload in rows
    ]
    return Page(after_seq, entries, first_kept, last_seq, epoch.decode())


def head(stream: str, workspace: str, answer: object) -> Head | None:
    """Of HMGET epoch, first, last, bytes, meta."""
    epoch, first, last, payload_bytes, meta = convert(answer, list[bytes | None])
    if epoch is None:
        return None
    return Head(
        stream, workspace, epoch.decode(), int(first or 1), int(last or 0), int(payload_bytes or 0), meta
    )


def placement(workspace: str, answer: object) -> Placement | None:
    """Of HMGET worker, fence, expires; None if nobody holds the workspace."""
    worker, fence, expires = convert(answer, list[bytes | None])
    if not worker:
        return None
    return Placement(workspace, worker.decode(), int(fence or 0), int(expires or 0))


def granted(workspace: str, answer: object) -> Placement:
    """Of ``acquire``: worker, fence, expiry."""
    worker, fence, expires = convert(answer, tuple[bytes, int, int])
    return Placement(workspace, worker.decode(), fence, expires)
