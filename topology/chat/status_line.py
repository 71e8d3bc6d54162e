"""The running turn in one line: how long it has run, how far it is, how long it may take, what it used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from actors.connection.status.shape import Progress, SessionStatus, TurnState, Usage
from topology.chat.view import View
from topology.chat.wording import count, one_line

EVERY_S: Final = 1.0


class StatusLine:
    """Shows what the gateway told last, and the time that has passed since."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._told: SessionStatus | None = None
        self._told_at = 0.0

    def take(self, params: Mapping[str, object]) -> None:
        """A ``_lumilink/status``; one that this chat cannot read is passed over."""
        try:
            self._told = msgspec.convert(params, SessionStatus)
        except msgspec.ValidationError:
            return
        self._told_at = time.monotonic()
        self._show()

    def forget(self) -> None:
        """What was told is of another session."""
        self._told = None

    async def run(self) -> None:
        """Keep the line up to date; a task of whoever runs the turn."""
        while True:
            await asyncio.sleep(EVERY_S)
            self._show()

    def _show(self) -> None:
        if self._told is not None and self._told.turn.state is TurnState.RUNNING:
            self._view.status(status_text(self._told, time.monotonic() - self._told_at))


def status_text(status: SessionStatus, since_s: float) -> str:
    """``1 min 5 s, plan 2/5 Write notes, tools 3/4``, ``since_s`` seconds after the status was told."""
    said = []
    if status.turn.elapsed_ms is not None:
        said.append(duration(status.turn.elapsed_ms / 1000 + since_s))
    said += _progress(status.progress)
    found = status.estimate
    if found is not None:
        left, low, high = (one / 1000 - since_s for one in (found.remaining_ms, found.low_ms, found.high_ms))
        if high > 0:
            said.append(f"about {duration(left)} to go ({duration(low)} to {duration(high)})")
    return ", ".join(said + _usage(status.usage))


def duration(seconds: float) -> str:
    """``5 s``, ``1 min 5 s``, ``2 h 5 min``; nothing is less than no time."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _progress(progress: Progress | None) -> list[str]:
    if progress is None:
        return []
    said = []
    current = f" {one_line(progress.current, 40)}" if progress.current else ""
    if progress.total is not None:
        said.append(f"plan {progress.completed}/{progress.total}{current}")
    if progress.tool_calls is not None:
        calls = progress.tool_calls
        at = current if progress.total is None else ""
        said.append(f"tools {calls.done}/{calls.done + calls.running}{at}")
    return said


def _usage(usage: Usage | None) -> list[str]:
    said = []
    if usage is not None and usage.context_used is not None and usage.context_size is not None:
        said.append(f"context {count(usage.context_used)} of {count(usage.context_size)}")
    if usage is not None and usage.cost is not None:
        said.append(f"{usage.cost.amount:.2f} {one_line(usage.cost.currency, 8)}")
    return said
