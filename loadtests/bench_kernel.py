"""What a message costs in the actor kernel: ``python loadtests/bench_kernel.py``.

1,000 actors on one event loop. ``tell``: messages go round robin and are timed from the first ``tell``
to the last ``receive``; one to each actor (no turn serves two messages), or 16 to each (a burst).
``ask``: one after the other, each a full round trip.
The best of several rounds is stated, since whatever else runs on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import time

from actors.kernel import Actor, ActorId, ActorRef, ActorSystem

ACTORS = 1_000
BURST = 16
ASKS = 5_000


class Counting(Actor):
    """Does next to nothing with a message."""

    def __init__(self) -> None:
        self.count = 0

    def receive(self, message: object) -> object:
        """Count it; an ask is answered with the count."""
        self.count += 1
        return None if message is None else self.count


class Echo(Actor):
    """Answers from a coroutine."""

    async def receive(self, message: object) -> object:
        """Answer with the message."""
        return message


async def time_tells(refs: list[ActorRef], messages_each: int) -> float:
    """Microseconds for one tell with its receive, amortised."""
    start = time.perf_counter()
    for _ in range(messages_each):
        for ref in refs:
            ref.tell(None)
    await refs[-1].ask(1, 5.0)  # the last in the ready queue, so its answer comes after all tells
    return (time.perf_counter() - start) / (ACTORS * messages_each) * 1e6


async def time_asks(ref: ActorRef) -> float:
    """Microseconds for one ask, from the question to the answer."""
    start = time.perf_counter()
    for _ in range(ASKS):
        await ref.ask(1, 5.0)
    return (time.perf_counter() - start) / ASKS * 1e6


async def measure(rounds: int) -> dict[str, float]:
    """All figures, in microseconds, each the best of ``rounds``."""
    failures: list[BaseException] = []
    system = ActorSystem(on_escalation=failures.append)
    refs = [system.spawn(ActorId("bench", str(n)), Counting) for n in range(ACTORS)]
    echo = system.spawn(ActorId("bench", "echo"), Echo)
    await asyncio.gather(*(ref.ask(1, 5.0) for ref in refs), echo.ask(1, 5.0))
    gc.collect()
    gc.freeze()
    tells = [await time_tells(refs, 1) for _ in range(rounds)]
    bursts = [await time_tells(refs, BURST) for _ in range(rounds)]
    asks = [await time_asks(refs[0]) for _ in range(rounds)]
    coroutines = [await time_asks(echo) for _ in range(rounds)]
    await system.stop(5.0)
    if failures:
        raise RuntimeError(f"{len(failures)} actors failed during the measurement")
    return {
        "tell_us": round(min(tells), 3),
        "tell_in_burst_us": round(min(bursts), 3),
        "ask_us": round(min(asks), 3),
        "ask_coroutine_us": round(min(coroutines), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    print(json.dumps(asyncio.run(measure(parser.parse_args().rounds))))


if __name__ == "__main__":
    main()
