"""``lumilink report`` and ``lumilink analytics``, without a gateway."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from actors.records import RecordStore, migrate
from actors.records.outgoing import Outgoing, OutgoingBox, put_out
from topology import operate
from topology.cli import main

LEVEL = {
    "availability": 0.9912,
    "usedMs": 7_200_000,
    "downMs": 63_360,
    "successRate": 1.0,
    "turns": 12,
    "failedTurns": 0,
    "meanTurnMs": 1_234.0,
}
NONE = dict.fromkeys(LEVEL) | {"usedMs": 0, "downMs": 0, "turns": 0, "failedTurns": 0}
FOUND = {
    "month": "2026-03",
    "isOver": True,
    "target": 0.995,
    "isMet": False,
    "budgetLeftMs": -27_360,
    "all": LEVEL,
    "byProtocol": {"acp": LEVEL, "http": NONE},
    "latencyP95Ms": {"acp": 15.0, "http": None},
    "fallbacks": 0,
}


def test_a_report_says_whether_the_target_was_met(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(_gateway: operate.Gateway, _method: str, path: str) -> operate.Answer:
        asked.append(path)
        return FOUND

    monkeypatch.setattr(operate.Gateway, "ask", ask)
    shown = CliRunner().invoke(main, ["report", "--month", "2026-03"])

    assert asked == ["/api/v1/service-levels?month=2026-03"]
    assert "99.120%" in shown.output
    assert "the target, 99.5%, is missed" in shown.output
    assert json.loads(CliRunner().invoke(main, ["report", "--json"]).output) == FOUND


def test_what_kafka_refused_is_listed_and_sent_again(tmp_path: Path) -> None:
    async def refuse() -> None:
        url = f"sqlite+aiosqlite:///{tmp_path / 'records.db'}"
        await migrate(url)
        store = await RecordStore.open(url)
        async with store.database.transaction() as connection:
            message = Outgoing("events", "an-id", "acme/", "x", "{}")
            await put_out(connection, [("acme", "acme/s", [message])])
        box = OutgoingBox(store.database)
        [one] = await box.first(1)
        await box.refuse(one.number, "TooLarge")
        await store.close()

    asyncio.run(refuse())
    command = ["analytics", "--data-dir", str(tmp_path)]

    shown = CliRunner().invoke(main, command)
    assert "0 messages wait; 1 are dead letters" in shown.output
    assert "an-id" in shown.output
    again = json.loads(CliRunner().invoke(main, [*command, "--replay-dead-letters", "--json"]).output)
    assert (again["replayed"], again["waiting"], again["dead"]) == (1, 1, 0)
