"""How one sequence differs from what it should be: what is lost, doubled, invented, out of order."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import repeat


@dataclass(frozen=True)
class Differences:
    """Places in one of the two sequences: ``lost`` in what was expected, the others in what was found.

    ``reordered`` is the least number of places that would have to move.
    """

    lost: tuple[int, ...] = ()
    doubled: tuple[int, ...] = ()
    reordered: tuple[int, ...] = ()
    invented: tuple[int, ...] = ()


_NONE = Differences()


def compare(expected: Sequence[Hashable], found: Sequence[Hashable]) -> Differences:
    """Hold ``found`` against ``expected``, whose values need not differ from each other."""
    if list(expected) == list(found):
        return _NONE
    places: dict[Hashable, deque[int]] = {}
    for place, value in enumerate(expected):
        places.setdefault(value, deque()).append(place)
    doubled: list[int] = []
    invented: list[int] = []
    matched: list[tuple[int, int]] = []
    for at, value in enumerate(found):
        wanted = places.get(value)
        if wanted is None:
            invented.append(at)
        elif wanted:
            matched.append((wanted.popleft(), at))
        else:
            doubled.append(at)
    lost = sorted(place for left in places.values() for place in left)
    kept = _longest_rise([place for place, _ in matched])
    reordered = [at for index, (_, at) in enumerate(matched) if index not in kept]
    return Differences(tuple(lost), tuple(doubled), tuple(reordered), tuple(invented))


def _longest_rise(values: Sequence[int]) -> set[int]:
    """The places of a longest rising part of ``values``, which are all different."""
    tops: list[int] = []  # the lowest value in which a rise of each length can end
    top_places: list[int] = []
    before = list(repeat(-1, len(values)))
    for place, value in enumerate(values):
        length = bisect_left(tops, value)
        tops[length : length + 1] = [value]
        top_places[length : length + 1] = [place]
        before[place] = top_places[length - 1] if length else -1
    rise: set[int] = set()
    place = top_places[-1] if top_places else -1
    while place >= 0:
        rise.add(place)
        place = before[place]
    return rise
