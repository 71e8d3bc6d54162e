"""What the answer to a request that attaches a client tells of the session's events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import msgspec

Seq = Annotated[int, msgspec.Meta(ge=0, lt=2**48)]


@dataclass(frozen=True, slots=True)
class Attached:
    """``seq`` is the newest event that was shown before the answer, 0 where it tells none.

    ``error`` is what the request failed with.
    """

    seq: int = 0
    error: str | None = None


class _About(msgspec.Struct):
    seq: Seq = 0


class _Meta(msgspec.Struct):
    lumilink: _About | None = None


class _Result(_About):
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Error(msgspec.Struct):
    message: str = ""


class _Answer(msgspec.Struct):
    result: _Result | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def read_attached(answer: bytes) -> Attached:
    """Read it from the result's ``_meta.lumilink`` or, if that is not there, from the result itself.

    Our own method has it in the result. In the answers to others that is the agent's, and ours goes first.
    """
    try:
        found = _decode(answer)
    except msgspec.DecodeError:
        return Attached()
    if found.error is not None:
        return Attached(error=found.error.message)
    result = found.result or _Result()
    about = (result.meta.lumilink if result.meta is not None else None) or result
    return Attached(about.seq)
