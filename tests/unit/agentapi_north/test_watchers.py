"""Letting go of sessions that nobody uses over AgentAPI any more."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from serve.agentapi import watchers
from serve.agentapi.watcher import Watcher
from serve.agentapi.watchers import Watchers, _Entry
from serve.ingress.gateway import Gateway


class Closing:
    """A watcher whose session is over."""

    over = "over"

    def __init__(self, *, fails: bool) -> None:
        self._fails = fails
        self.closed = asyncio.Event()

    async def close(self) -> None:
        self.closed.set()
        if self._fails:
            raise RuntimeError("a bug")


async def test_one_that_fails_to_close_keeps_no_other_from_being_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watchers, "SWEEP_INTERVAL_S", 0.0)
    book = Watchers(cast("Gateway", None))
    first, second = Closing(fails=True), Closing(fails=False)
    for number, one in enumerate((first, second)):
        book._entries["default", f"s{number}"] = _Entry(cast("Watcher", one), used_at=0.0)
    sweeping = asyncio.create_task(book.sweep())
    async with asyncio.timeout(5.0):
        await first.closed.wait()
        await second.closed.wait()

    assert not sweeping.done()
    assert book._entries == {}
    sweeping.cancel()
