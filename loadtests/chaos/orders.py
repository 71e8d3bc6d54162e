"""What a client of the chaos run asks of the agent: the text of a prompt."""

from __future__ import annotations

from random import Random
from typing import Annotated, Final

import msgspec

_MAX_UPDATES: Final = 20
_MAX_INTERVAL_S: Final = 0.3
_ASKS: Final = 0.15


class Orders(msgspec.Struct, frozen=True):
    """A turn of ``updates``, one every ``interval`` seconds; ``asks`` for a permission in the midst of it."""

    updates: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    interval: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.0
    asks: bool = False

    def text(self) -> str:
        """The prompt's text."""
        return msgspec.json.encode(self).decode()


def random_orders(chance: Random) -> Orders:
    """A turn of some seconds."""
    return Orders(
        updates=chance.randint(3, _MAX_UPDATES),
        interval=round(chance.uniform(0.02, _MAX_INTERVAL_S), 3),
        asks=chance.random() < _ASKS,
    )
