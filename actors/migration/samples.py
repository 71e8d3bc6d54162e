"""Samples on their way into the journal: gathered, so that a workspace has one entry a second at most."""

from __future__ import annotations

from typing import Final

import msgspec

from actors.migration.window import SuccessWindow

_WIDTH: Final = 5
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[int])


class Gathered:
    """Samples since the last entry: of each second how many of sessions, and of probes, went well or badly.

    The seconds are those that the window gave them, so that replaying them makes the same window.
    """

    __slots__ = ("_packed",)

    def __init__(self) -> None:
        self._packed: list[int] = []

    def __bool__(self) -> bool:
        return bool(self._packed)

    def add(self, second: int, *, ok: bool, is_probe: bool) -> None:
        """One more."""
        packed = self._packed
        if not packed or packed[-_WIDTH] != second:
            packed += (second, 0, 0, 0, 0)
        packed[-_WIDTH + 1 + 2 * is_probe + (not ok)] += 1

    def take(self) -> bytes:
        """The payload of the entry; nothing is gathered after it."""
        packed, self._packed = self._packed, []
        return _encoder.encode(packed)


def replay(payload: bytes, window: SuccessWindow, probes: SuccessWindow) -> None:
    """Count the samples of an entry again."""
    packed = _decoder.decode(payload)
    for at in range(0, len(packed), _WIDTH):
        second, good, bad, good_probes, bad_probes = packed[at : at + _WIDTH]
        if good or bad:
            window.add(second, good, bad)
        if good_probes or bad_probes:
            probes.add(second, good_probes, bad_probes)
