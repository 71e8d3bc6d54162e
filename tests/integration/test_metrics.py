"""A real Prometheus scrapes a live gateway under load: every query of dashboards and rules returns data."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from support import process_census
from support.gateway_process import GatewayProcess
from support.peer import RefusedError
from support.prometheus_server import BINARY, PrometheusServer
from support.tidying import leave_tidy
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

from actors.metrics.catalogue import ALL
from actors.metrics.metric import Metric
from topology.grafana.__main__ import FOLDER as DASHBOARDS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240, func_only=True),
    pytest.mark.skipif(BINARY is None, reason="needs prometheus (apt-get install prometheus)"),
]

RULES: Final = Path(__file__).parents[2] / "topology" / "prometheus"
LOAD_S: Final = 14.0
"""Processes tell every 5 s, and a rate needs two values that differ in time."""


def dashboard_queries() -> list[str]:
    """Every query of every dashboard; Grafana fills its interval in."""
    boards = [json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))]
    found = [one["expr"] for board in boards for panel in board["panels"] for one in panel["targets"]]
    return [expression.replace("$__rate_interval", "12s") for expression in found]


def rule_queries() -> list[str]:
    """What every rule asks, without the thresholds: an alert's own query is empty while all is well."""
    text = (RULES / "recording.yml").read_text() + (RULES / "alerts.yml").read_text()
    records = re.findall(r"record: (\S+)", text)
    rules = re.findall(r"alert: \S+\n +expr: (?:\|\n)?((?:.+\n)+?) +(?:for|labels):", text)
    clauses = [clause for rule in rules for clause in re.split(r"\band\b", rule)]
    asked = [re.sub(r"\s[<>=]=?\s*[\d.* ]+$", "", " ".join(clause.split())) for clause in clauses]
    return records + [re.sub(r"^absent\((.*)\)$", r"\1", one) for one in asked]


async def _work(gateway: GatewayProcess, folder: Path, until: float) -> None:
    """A client: prompts one after the other, and now and then something that is refused."""
    async with begun_peer(gateway.acp_over_websocket) as peer:
        workspace = Workspace(folder)
        params = {"cwd": str(workspace), "mcpServers": []}
        session_id = (await peer.ask("session/new", params))["sessionId"]
        while time.monotonic() < until:
            assert await peer.prompt(session_id, "say 20") == "end_turn"
            with pytest.raises(RefusedError):
                await peer.ask("session/load", {"sessionId": "sess_none", **params})
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def prometheus(
    running_gateway: GatewayProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    rules = [RULES / "recording.yml", RULES / "alerts.yml"]
    folder = tmp_path_factory.mktemp("prometheus")
    with PrometheusServer(folder, running_gateway.host, rules) as running:
        yield running


@pytest.fixture(scope="module")
def scraped(
    prometheus: PrometheusServer, running_gateway: GatewayProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """Prometheus, after some load has passed before it."""

    async def load() -> None:
        until = time.monotonic() + LOAD_S
        folders = [tmp_path_factory.mktemp("workspace") for _ in range(3)]
        await asyncio.gather(*(_work(running_gateway, folder, until) for folder in folders))

    asyncio.run(load())
    yield prometheus
    asyncio.run(leave_tidy(running_gateway))


@pytest.mark.parametrize("query", sorted(set(dashboard_queries())))
def test_every_query_of_a_dashboard_returns_data(scraped: PrometheusServer, query: str) -> None:
    assert scraped.query(query)


@pytest.mark.parametrize("query", sorted(set(rule_queries())))
def test_what_every_rule_asks_is_there(scraped: PrometheusServer, query: str) -> None:
    assert scraped.query(query)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_every_metric_that_is_declared_is_scraped(scraped: PrometheusServer, metric: Metric) -> None:
    for name in metric.series:
        assert scraped.query(name), name


@pytest.mark.parametrize(
    "query",
    [
        "sum(lumilink_updates_total)",
        "sum(lumilink_added_latency_seconds_count)",
        "sum(lumilink_first_update_seconds_count)",
        "sum(lumilink_turn_seconds_count)",
        "sum(lumilink_journal_commit_seconds_count)",
        "sum(lumilink_journal_commit_entries_sum)",
        'sum(lumilink_turns_total{outcome="completed"})',
        'sum(lumilink_session_openings_total{result="ok"})',
        'sum(lumilink_session_openings_total{result="rejected"})',
        'sum(lumilink_handshakes_total{protocol="acp", result="ok"})',
        'sum(lumilink_acp_samples_total{kind="turn", result="ok"})',
        'sum(lumilink_errors_total{code="session-not-found"})',
        "sum(lumilink_admissions_total)",
        "sum(lumilink_live_events_total)",
        "sum(lumilink_projector_entries_total)",
        "sum(lumilink_places)",
        "sum(lumilink_ingress_replicas)",
        "sum(lumilink_process_resident_memory_bytes)",
    ],
)
def test_what_happened_was_counted(scraped: PrometheusServer, query: str) -> None:
    [found] = scraped.query(query)
    value = float(found["value"][1])
    assert value > 0
    assert math.isfinite(value)


def test_one_scrape_has_all_processes(scraped: PrometheusServer) -> None:
    found = {one["metric"]["process"] for one in scraped.query("lumilink_process_start_time_seconds")}
    assert found >= {
        *("worker-0", "ingress-0", "ingress-1", "reporting-0", "capacity"),
        *("projector", "events", "protocol", "pool", "metrics"),
    }


def test_no_alert_of_a_cause_is_open_while_all_is_well(scraped: PrometheusServer) -> None:
    open_now = {one["metric"]["alertname"] for one in scraped.query('ALERTS{alertstate="firing"}')}
    assert not {name for name in open_now if "Budget" not in name and "Acp" not in name}


async def test_a_metrics_actor_that_is_killed_is_told_anew(running_gateway: GatewayProcess) -> None:
    [actor] = process_census.titled(running_gateway.mark, "ray::MetricsShell")
    before = _processes(running_gateway)
    actor.kill()
    actor.wait(10.0)
    assert await becomes_true(lambda: _processes(running_gateway) == before, 40.0)


def _processes(gateway: GatewayProcess) -> set[str]:
    answer = httpx.get(f"{gateway.url}/metrics")
    return set(re.findall(r'lumilink_process_start_time_seconds\{process="([^"]+)"', answer.text))


def test_the_answer_is_prometheus_text(running_gateway: GatewayProcess) -> None:
    answer = httpx.get(f"{running_gateway.url}/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert len(answer.content) < 200_000
