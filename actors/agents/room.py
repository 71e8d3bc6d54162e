"""Room for agents: so many run at once as fit into the machine's memory; the others wait for their turn.

A Claude Code agent takes about 340 MB, so most of a worker's sessions have none at a given moment. Memory is
measured, not counted: what agents that run have come to take shows in what is available. Only an agent that
starts just now has not taken its share yet, so its share is set aside until it has shaken hands.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from actors.agents.memory import Memory, measured
from actors.errors import AgentMemoryError
from actors.kernel.turnstile import Turnstile

EXPECTED_BYTES: Final = 340 * 1024 * 1024
"""What an agent is taken to need until one of its kind has been measured."""
RETURNS_AT_ONCE: Final = 16
RETURN_PATIENCE_S: Final = 0.5
_LOOK_S: Final = 0.25
_FIRST_SIZES: Final = 8
_ONE_SIZE_IN: Final = 16
_WEIGHT_OF_NEWEST: Final = 0.25
_MEASURED_MARGIN: Final = 1.25


@dataclass(slots=True, eq=False)
class _Waiter:
    installation: str
    is_first: asyncio.Event = field(default_factory=asyncio.Event)


class AgentRoom:
    """One worker's; belongs to its event loop. ``kind`` is what agents of about one size have in common.

    ``reserve_share`` (0.0 to 1.0) of the memory is left for agents that grow, and for everything else.
    Whoever waits is served by turns of installations, and in order within one. Agents that rest make room:
    the one that has rested longest is asked to sleep first.
    """

    def __init__(self, reserve_share: float = 0.1, memory: Callable[[], Memory] = measured) -> None:
        self.returns = Turnstile(RETURNS_AT_ONCE, RETURN_PATIENCE_S)
        """Who brings an agent back passes here: after a worker's death hundreds are."""
        self._reserve_share = reserve_share
        self._memory = memory
        self._expected: dict[str, int] = {}
        self._offered: dict[str, int] = {}
        self._set_aside = 0
        self._agents: set[Hashable] = set()
        self._lines: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        self._resting: OrderedDict[Hashable, Callable[[], None]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many agents wait for memory."""
        return sum(map(len, self._lines.values()))

    @asynccontextmanager
    async def starting(
        self, agent: Hashable, kind: str, installation: str, deadline_s: float, on_wait: Callable[[int], None]
    ) -> AsyncIterator[None]:
        """Hold this while an agent starts and shakes hands; it is in the room until it is ``gone``.

        Waits until there is memory for it; ``on_wait`` hears once how many are before it, if it has to.
        Raises AgentMemoryError where there is none in ``deadline_s`` seconds.
        """
        share = await self._share(kind, installation, deadline_s, on_wait)
        self._set_aside += share
        self._agents.add(agent)
        try:
            yield
        except BaseException:
            self.gone(agent)
            raise
        finally:
            self._set_aside -= share

    def wants_size(self, kind: str) -> bool:
        """Whether one more agent of this kind should be measured: the first few, then one in sixteen."""
        offered = self._offered[kind] = self._offered.get(kind, 0) + 1
        return offered <= _FIRST_SIZES or offered % _ONE_SIZE_IN == 0

    def note_size(self, kind: str, size: int) -> None:
        """An agent that has shaken hands takes so many bytes, its children included."""
        known = self._expected.get(kind, size)
        self._expected[kind] = round(known + _WEIGHT_OF_NEWEST * (size - known))

    def rests(self, agent: Hashable, let_sleep: Callable[[], None]) -> None:
        """An agent has nothing to do. ``let_sleep`` is called, once, if others need its memory."""
        self._resting[agent] = let_sleep
        self._resting.move_to_end(agent)

    def works(self, agent: Hashable) -> None:
        """An agent has something to do again."""
        self._resting.pop(agent, None)

    def gone(self, agent: Hashable) -> None:
        """An agent has ended. Once more is no harm."""
        self._resting.pop(agent, None)
        self._agents.discard(agent)

    # ------------------------------------------------------------------ waiting

    async def _share(
        self, kind: str, installation: str, deadline_s: float, on_wait: Callable[[int], None]
    ) -> int:
        if not self._lines and self._fits(kind):
            return self._expects(kind)
        before = self.waiting
        waiter = self._queue(installation)
        try:
            on_wait(before)
            async with asyncio.timeout(deadline_s):
                await waiter.is_first.wait()
                while not self._fits(kind):
                    self._ask_for_room()
                    await asyncio.sleep(_LOOK_S)
        except TimeoutError:
            raise AgentMemoryError(
                f"no memory for an agent of {self._expects(kind) >> 20} MB came free in {deadline_s:g} s"
            ) from None
        finally:
            self._leave(waiter)
        return self._expects(kind)

    def _queue(self, installation: str) -> _Waiter:
        waiter = _Waiter(installation)
        self._lines.setdefault(installation, deque()).append(waiter)
        self._call_first()
        return waiter

    def _leave(self, waiter: _Waiter) -> None:
        line = self._lines[waiter.installation]
        line.remove(waiter)
        if waiter.is_first.is_set():
            self._lines.move_to_end(waiter.installation)  # the others' turn
        if not line:
            del self._lines[waiter.installation]
        self._call_first()

    def _call_first(self) -> None:
        """At most one waits for memory; the others wait for it to have got some."""
        called = any(line[0].is_first.is_set() for line in self._lines.values())
        if self._lines and not called:
            next(iter(self._lines.values()))[0].is_first.set()

    def _ask_for_room(self) -> None:
        if self._resting:
            _, let_sleep = self._resting.popitem(last=False)
            let_sleep()

    # ------------------------------------------------------------------ memory

    def _fits(self, kind: str) -> bool:
        if not self._agents:
            return True  # waiting would not help, and it may be smaller than it is taken to be
        memory = self._memory()
        free = memory.available - self._set_aside - self._reserve_share * memory.total
        return free >= self._expects(kind)

    def _expects(self, kind: str) -> int:
        known = self._expected.get(kind)
        return EXPECTED_BYTES if known is None else round(_MEASURED_MARGIN * known)
