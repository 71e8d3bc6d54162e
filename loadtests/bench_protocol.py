"""What it costs to take an agent's update in and send it on with another session id and a cursor.

Run: ``python loadtests/bench_protocol.py``. Exit code 1 if a 250-byte update costs more than the budget.
"""

from __future__ import annotations

import json
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from actors.protocol.envelope import parse
from actors.protocol.identifiers import new_session_id
from actors.protocol.rewrite import forward_update, with_cursor, with_session

BUDGET_US: Final = 2.5
"""For one update of 250 bytes, parse and rewrite together, in microseconds."""

AGENT_SESSION: Final = "0199f3c2-7d1e-7c5a-9b0e-3f5d2a1b4c6d"
SESSION: Final = new_session_id()


def update(text: str, **members: object) -> bytes:
    content = {"type": "text", "text": text}
    chunk = {"sessionUpdate": "agent_message_chunk", "content": content, **members}
    params = {"sessionId": AGENT_SESSION, "update": chunk}
    message = {"jsonrpc": "2.0", "method": "session/update", "params": params}
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


FRAMES: Final = {
    "250 B, ASCII": update("a" * 69),
    "250 B, other scripts": update("naïve café 北京 " * 3 + "a" * 5),
    "250 B, escapes": update("\x1b[0m\n" * 7 + "a" * 5),
    "250 B, nested _meta": update("a" * 25, _meta={"agent": {"toolName": "x", "n": 1}}),
    "10 kB": update("x = 1\n" * 1400),
    "100 kB": update("x" * 100_000),
    "1 MB, all escapes": update("\n" * 500_000),
    "1 MB": update("x" * 1_000_000),
}


def cost_us(step: Callable[[], object], size: int) -> float:
    """Microseconds a call, the best of five rounds."""
    rounds = max(10, min(50_000, 20_000_000 // size))
    return min(timeit.repeat(step, number=rounds, repeat=5)) / rounds * 1e6


def costs_us(frame: bytes) -> list[float]:
    """Parse; forward; both; and the two halves of forwarding as they cost apart."""
    steps: list[Callable[[], object]] = [
        lambda: parse(frame),
        lambda: forward_update(frame, AGENT_SESSION, SESSION, 123_456),
        lambda: with_session(frame, AGENT_SESSION, SESSION),
        lambda: with_cursor(frame, 123_456),
    ]
    parsed, forwarded, *apart = (cost_us(step, len(frame)) for step in steps)
    return [parsed, forwarded, parsed + forwarded, *apart]


def main() -> int:
    print(f"{'frame':24}{'bytes':>9}{'parse':>10}{'forward':>10}{'sum':>10}{'session':>10}{'cursor':>10}  µs")
    worst = 0.0
    for name, frame in FRAMES.items():
        costs = costs_us(frame)
        print(f"{name:24}{len(frame):9}" + "".join(f"{cost:10.2f}" for cost in costs))
        if name.startswith("250 B"):
            worst = max(worst, costs[2])
    print(f"250 B at worst {worst:.2f} µs, budget {BUDGET_US} µs")
    return 0 if worst <= BUDGET_US else 1


if __name__ == "__main__":
    sys.exit(main())
