"""The capacity actor's metrics: places, states, alerts, and the tenants that have most."""

from __future__ import annotations

import time

from support.counted import read

from actors.capacity.admission import Admission
from actors.capacity.gauges import largest, watch_capacity
from actors.capacity.ledger import Ledger, WorkerReport
from actors.capacity.limits import Limits
from actors.capacity.roll import Owner
from actors.metrics.exposition import joined
from actors.metrics.meters import Meters
from actors.protocol.capacity_alert import CapacityAlert


def test_those_with_most_are_named_and_the_rest_is_other():
    sessions = {"a": 5, "b": 9, "c": 1, "d": 2}

    assert largest(sessions, 2) == {("b",): 9, ("a",): 5, ("other",): 3}
    assert largest(sessions, 0) == {("other",): 17}


def test_a_thousand_tenants_make_as_many_series_as_are_allowed():
    assert len(largest({f"tenant-{number}": number for number in range(1000)}, 20)) == 21


def test_a_tenant_called_other_is_not_mistaken():
    assert largest({"other": 5, "a": 1, "b": 1}, 2) == {("a",): 1, ("other",): 6}


def test_what_operators_see_is_what_the_books_say():
    ledger, meters = Ledger(), Meters()
    admission = Admission(ledger, Limits())
    alert = CapacityAlert(
        alert_id="1",
        installation_id="default",
        workspace_ids=(),
        scope="cluster",
        cause="capacity",
        trigger="warning",
        active_connections=2,
        capacity_percent=0.9,
        timestamp="2026-01-01T00:00:00Z",
    )
    watch_capacity(meters, ledger, admission, lambda: [alert], lambda: 2, 20)
    sessions = {"s1": Owner("acme", "w"), "s2": Owner("globex", "w")}
    ledger.report(_report(sessions), time.monotonic())

    text = joined([meters.families("capacity")])
    assert read(text, "lumilink_workers", state="alive") == 1
    assert read(text, "lumilink_places", worker="worker-0") == 10
    assert read(text, "lumilink_places_taken") == 2
    assert read(text, "lumilink_installation_sessions", installation="acme") == 1
    assert read(text, "lumilink_alerts_open", cause="capacity", trigger="warning") == 1
    assert read(text, "lumilink_alerts_open") == 1
    assert read(text, "lumilink_ingress_replicas") == 2


def _report(sessions: dict[str, Owner]) -> WorkerReport:
    return WorkerReport(
        worker_id="worker-0",
        life="life",
        host="127.0.0.1",
        port=1,
        pid=1,
        node="127.0.0.1",
        capacity=10,
        rss_bytes=1,
        sessions=sessions,
        ended=[],
        draining=False,
    )
