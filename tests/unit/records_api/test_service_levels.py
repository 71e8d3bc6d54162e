"""Service levels are what was counted in a month, and say what was promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from unit.records import examples
from unit.records.conformance import put
from unit.records.examples import number

from actors.records import RecordStore

PATH = "/api/v1/service-levels"
MARCH = {"month": "2026-03"}
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def counted(store: RecordStore, *told: tuple[datetime, str, float]) -> None:
    await put(
        store,
        *(
            examples.metric(metric_id=number(n), timestamp=moment, metric_type=name, value=value)
            for n, (moment, name, value) in enumerate(told, 1)
        ),
    )


async def test_a_month_without_anything_promises_nothing(client: httpx.AsyncClient) -> None:
    found = (await client.get(PATH, params=MARCH)).json()

    assert found["all"]["availability"] is None
    assert (found["isMet"], found["budgetLeftMs"]) == (None, None)
    assert (found["since"], found["until"]) == ("2026-03-01T00:00:00.000Z", "2026-04-01T00:00:00.000Z")


async def test_availability_is_the_share_of_the_used_time(
    store: RecordStore, client: httpx.AsyncClient
) -> None:
    await counted(
        store,
        (FIRST, "acp-used-ms", 3_000_000.0),
        (FIRST, "acp-down-ms", 30_000.0),
        (FIRST + MINUTE, "http-used-ms", 1_000_000.0),
    )

    found = (await client.get(PATH, params=MARCH)).json()

    assert found["byProtocol"]["acp"]["availability"] == pytest.approx(0.99)
    assert found["byProtocol"]["http"]["availability"] == 1.0
    assert found["all"]["availability"] == pytest.approx(1 - 30_000 / 4_000_000)
    assert found["isMet"] is False
    assert found["budgetLeftMs"] == 4_000_000 * 0.005 - 30_000


async def test_turns_are_counted_of_the_month_alone(store: RecordStore, client: httpx.AsyncClient) -> None:
    april = datetime(2026, 4, 1, tzinfo=UTC)
    await counted(
        store,
        (FIRST - MINUTE, "acp-turns", 100.0),
        (FIRST, "acp-turns", 4.0),
        (FIRST, "acp-turns-failed", 1.0),
        (FIRST, "acp-turn-ms", 8_000.0),
        (april - MINUTE, "acp-turns", 4.0),
        (FIRST, "fallbacks", 2.0),
        (april, "acp-turns", 100.0),
    )

    found = (await client.get(PATH, params=MARCH)).json()

    acp = found["byProtocol"]["acp"]
    assert (acp["turns"], acp["failedTurns"], acp["meanTurnMs"]) == (8, 1, 1_000.0)
    assert acp["successRate"] == pytest.approx(7 / 8)
    assert found["fallbacks"] == 2


async def test_this_month_is_shown_unless_another_is_asked_for(client: httpx.AsyncClient) -> None:
    found = (await client.get(PATH)).json()

    assert found["isOver"] is False
    assert found["month"] == f"{datetime.now(UTC):%Y-%m}"


@pytest.mark.parametrize(
    "month", ["2026", "2026-13", "2026-00", "26-01", "2026-3", "9999-12", "\u0662\u0660\u0662\u0666-01"]
)
async def test_what_is_no_month_is_refused(client: httpx.AsyncClient, month: str) -> None:
    answer = await client.get(PATH, params={"month": month})

    assert answer.status_code == 400
    assert "month" in answer.json()["detail"]
