"""Where a workspace is, for those who ask for it and not for a session."""

from __future__ import annotations

import pytest

from actors import errors
from actors.capacity.ledger import Ledger, WorkerReport
from actors.capacity.roll import Owner

WORKSPACE = Owner("inst", "ws_1")


def report(worker_id: str, sessions: dict[str, Owner] | None = None, **more: object) -> WorkerReport:
    told = {"host": "h", "port": 1, "pid": 1, "node": "n", "capacity": 2, "rss_bytes": 0} | more
    return WorkerReport(worker_id, f"life-{worker_id}", sessions=sessions or {}, **told)  # type: ignore[arg-type]


def test_a_workspace_is_at_home_where_its_sessions_are_also_when_there_is_no_room():
    ledger = Ledger()
    ledger.report(report("w1"), 0.0)
    ledger.report(report("w2", {"s1": WORKSPACE, "s2": WORKSPACE}), 0.0)

    assert ledger.home_of(WORKSPACE, 0.0).worker_id == "w2"


def test_one_that_is_nowhere_gets_a_home_and_its_next_session_goes_there():
    ledger = Ledger()
    for name in ("w1", "w2", "w3"):
        ledger.report(report(name), 0.0)
    home = ledger.home_of(WORKSPACE, 0.0)

    assert ledger.home_of(WORKSPACE, 1.0) == home
    assert ledger.reserve(WORKSPACE, "s1", 1.0) == home


def test_one_that_is_nowhere_has_a_home_though_all_workers_are_full():
    ledger = Ledger()
    others = {name: Owner("inst", "another") for name in ("s1", "s2")}
    ledger.report(report("w1", others), 0.0)

    assert ledger.home_of(WORKSPACE, 0.0).worker_id == "w1"


def test_without_a_worker_there_is_no_home():
    with pytest.raises(errors.WorkerUnavailableError):
        Ledger().home_of(WORKSPACE, 0.0)
