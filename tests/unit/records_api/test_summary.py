"""The summary counts what there is."""

from __future__ import annotations

import random
from datetime import datetime

import httpx
import pytest
from unit.records import examples
from unit.records.conformance import put
from unit.records.examples import at, number

from actors.records import RecordStore
from actors.records.models import Record

PATH = "/api/v1/summary"
WINDOW = {"from": "2026-03-01T12:00:00Z", "to": "2026-03-01T13:00:00Z", "points": "6"}


async def test_an_installation_without_anything_has_a_summary(client: httpx.AsyncClient) -> None:
    found = (await client.get(PATH)).json()

    assert found["sessions"] == {"live": 0, "total": 0}
    assert found["successRate"] is None
    assert found["adoption"] is None
    assert len(found["series"]) == 60
    assert {point["stability"] for point in found["series"]} == {None}


async def test_a_summary_agrees_with_counting_by_hand(store: RecordStore, client: httpx.AsyncClient) -> None:
    chance = random.Random(7)
    sessions = []
    for n in range(60):
        began = chance.randrange(-3600, 4500)
        ended = began + chance.randrange(10, 4000) if n % 3 else None
        protocol = chance.choice(["acp", "http"])
        sessions.append((n, began, ended, protocol, f"repo-{chance.randrange(8)}"))
    breaks = [chance.randrange(-100, 3700) for _ in range(12)]
    await put(store, *_records(sessions, breaks))

    found = (await client.get(PATH, params=WINDOW)).json()

    there = [one for one in sessions if one[1] < 3600 and (one[2] is None or one[2] >= 0)]
    assert found["sessions"] == {"live": sum(one[2] is None for one in sessions), "total": len(there)}
    for protocol in ("acp", "http"):
        assert found["protocolMix"][protocol] == sum(one[3] == protocol for one in there)
        for n, point in enumerate(found["series"]):
            end = (n + 1) * 600
            alive = [one for one in sessions if one[1] < end and (one[2] is None or one[2] >= end)]
            assert point[protocol] == sum(one[3] == protocol for one in alive)
    began = [one for one in sessions if 0 <= one[1] < 3600]
    on_acp = {one[4] for one in began if one[3] == "acp"}
    assert found["adoption"] == pytest.approx(len(on_acp) / len({one[4] for one in began}))
    broken = sum(0 <= one < 3600 for one in breaks)
    assert found["connectionStability"] == pytest.approx(1 - broken / len(there))
    assert datetime.fromisoformat(found["series"][1]["at"]) == at(600)


def _records(sessions: list[tuple[int, int, int | None, str, str]], breaks: list[int]) -> list[Record]:
    made: list[Record] = [examples.container(), examples.connection()]
    for n, began, ended, protocol, workspace in sessions:
        made.append(
            examples.session(
                session_id=f"sess-{n}",
                workspace_id=workspace,
                protocol_type=protocol,
                created_at=at(began),
                closed_at=None if ended is None else at(ended),
            )
        )
    for n, moment in enumerate(breaks):
        made.append(
            examples.transition(
                transition_id=number(n), from_status="connected", to_status="error", at=at(moment)
            )
        )
    return made


async def test_metrics_of_all_workspaces_are_added_up(store: RecordStore, client: httpx.AsyncClient) -> None:
    def metric(n: int, what: str, value: float, second: int) -> Record:
        return examples.metric(
            metric_id=number(n), metric_type=what, value=value, timestamp=at(second), workspace_id=f"repo-{n}"
        )

    await put(
        store,
        metric(1, "acp-turns", 30, 60),
        metric(2, "acp-turns", 10, 60),
        metric(3, "http-turns", 10, 660),
        metric(4, "acp-turns-failed", 4, 60),
        metric(5, "http-turns-failed", 1, 660),
        metric(6, "fallbacks", 2, 60),
        metric(7, "fallbacks", 9, 7200),
    )
    # A record that is written again counts once.
    await put(store, metric(1, "acp-turns", 20, 60))
    await put(store, examples.container(), examples.connection(), examples.session())

    found = (await client.get(PATH, params=WINDOW)).json()

    assert found["successRate"] == pytest.approx(1 - 5 / 40)
    assert found["fallbacks"] == 2
    assert found["fallbackFrequency"] == 1.0
    assert [point["fallbacks"] for point in found["series"]] == [2, 0, 0, 0, 0, 0]
    assert found["series"][0]["successRate"] == pytest.approx(1 - 4 / 30)
    assert found["series"][2]["successRate"] is None


async def test_automations_latency_and_throughput_are_told(
    store: RecordStore, client: httpx.AsyncClient
) -> None:
    over_http = {"connection_id": "link-2", "metadata": {"protocol": "http"}}
    await put(
        store,
        examples.container(),
        examples.connection(metadata={"protocol": "acp"}),
        examples.connection(connection_id="link-3", metadata={"protocol": "acp"}, latency_p95=37.5),
        examples.connection(**over_http, latency_p95=400.0, throughput_per_min=None),
        examples.automation(summary_id=number(1)),
        examples.skipped(summary_id=number(2)),
        examples.skipped(summary_id=number(3)),
    )

    found = (await client.get(PATH, params=WINDOW)).json()

    assert found["automation"] == {"success": 1, "skipped": 2, "error": 0}
    assert found["latencyP95Ms"] == {"acp": 25.0, "http": 400.0}
    assert found["throughputPerMin"] == {"acp": 60.0, "http": None}


async def test_a_cleared_installation_counts_nothing(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(store, examples.metric(metric_type="fallbacks", value=3.0))
    await store.clear("acme")

    assert (await client.get(PATH, params=WINDOW)).json()["fallbacks"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z",
        "from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z",
        "from=2020-03-01T00:00:00Z&to=2026-03-01T00:00:00Z",
        "points=0",
        "points=201",
        "limit=3",
    ],
)
async def test_a_window_that_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"{PATH}?{query}")).json()["code"] == "invalid-params"
