"""The refusals of an append, worded alike by every store."""

from __future__ import annotations

from actors.errors import FenceRefusedError, SeqConflictError
from actors.journal.contract import Refused, StreamAppend


def by_fence(append: StreamAppend, newest: int) -> Refused:
    """Another was granted the workspace since."""
    detail = f"fence {append.fence} is older than {newest}, the newest granted for the workspace"
    return Refused(append.stream, FenceRefusedError(detail))


def by_workspace(append: StreamAppend) -> Refused:
    """The fence is of a workspace that the stream does not belong to."""
    return Refused(append.stream, FenceRefusedError("the stream belongs to another workspace"))


def by_seq(append: StreamAppend, last_seq: int) -> Refused:
    """The append leaves a gap, or other entries have its place."""
    detail = f"the append begins at seq {append.first_seq}, expected {last_seq + 1}"
    return Refused(append.stream, SeqConflictError(detail))
