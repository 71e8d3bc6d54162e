"""What the answer to a request that attaches a client tells of the session's events."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class Attached:
    """``seq`` is the newest event that was shown before the answer, 0 where it tells none.

    ``reset`` says that events which should have been shown are gone; ``error`` what the request failed with.
    """

    seq: int = 0
    reset: bool = False
    error: str | None = None


class _About(msgspec.Struct):
    seq: int = 0
    reset: bool = False


class _Meta(msgspec.Struct):
    lumilink: _About = msgspec.field(default_factory=_About)


class _Result(_About):
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Error(msgspec.Struct):
    message: str = ""


class _Answer(msgspec.Struct):
    result: _Result | None = None
    error: _Error | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def read_attached(answer: bytes) -> Attached:
    """Read it from the result, where our own method puts it, or from its ``_meta.lumilink``."""
    try:
        found = _decode(answer)
    except msgspec.DecodeError:
        return Attached()
    if found.error is not None:
        return Attached(error=found.error.message)
    result = found.result or _Result()
    about = result.meta.lumilink if result.meta is not None else result
    return Attached(max(result.seq, about.seq), result.reset or about.reset)
