"""What the capacity actor tells of as its books fill and empty."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest

from actors import errors
from actors.capacity.ledger import Ledger, WorkerReport
from actors.capacity.roll import Owner
from actors.capacity.watch import Watch, WatchSettings
from actors.events.contract import LiveEvent
from actors.events.outbox import Outbox
from actors.protocol.capacity_alert import CapacityAlert


class Books:
    """A ledger that is watched, on a clock that stands still unless it is moved."""

    def __init__(self, **settings: int) -> None:
        self.now = 100.0
        self.refused = 0
        self.copies: set[tuple[str, str]] = set()
        self.ledger = Ledger()
        self.outbox = Outbox(self._post)
        self.watch = Watch(
            self.ledger, WatchSettings(**settings), self.outbox, lambda: self.refused, clock=lambda: self.now
        )

    async def _post(self, events: Sequence[LiveEvent]) -> None:
        raise AssertionError("nobody posts here")

    def report(self, worker: str, sessions: int, capacity: int = 20, *, draining: bool = False) -> None:
        held = {f"{worker}-{number}": Owner("acme", "repo") for number in range(sessions)}
        report = WorkerReport(worker, f"gw:{worker}:1", "h", 1, 7, "n", capacity, 0, held, [], draining)
        assert self.ledger.report(report, self.now)
        self.watch.reported(report)

    def told(self, prefix: str = "") -> list[LiveEvent]:
        """What is told whoever it is about; who else hears of it is in ``copies``."""
        self.watch.look()
        waiting = [event for event in self.outbox._waiting if event.name.startswith(prefix)]
        self.outbox._waiting.clear()
        self.copies = {(event.name, event.installation) for event in waiting if event.copy}
        return [event for event in waiting if not event.copy]


def alerts_in(events: Sequence[LiveEvent]) -> list[tuple[str, str, str]]:
    found = [(event.name, json.loads(event.data)) for event in events]
    return [(name, data["scope"], data["trigger"]) for name, data in found]


def test_a_gateway_that_fills_up_warns_then_alarms():
    books = Books()

    books.report("a", 16)
    assert books.told("capacity") == []
    books.report("a", 17)
    assert alerts_in(books.told("capacity")) == [("capacity-alert:opened", "cluster", "warning")]
    books.report("a", 19)
    assert alerts_in(books.told("capacity")) == [("capacity-alert:escalated", "cluster", "critical")]


def test_each_of_several_workers_is_watched_too():
    books = Books()
    books.report("a", 19)
    books.report("b", 1)

    assert alerts_in(books.told("capacity")) == [("capacity-alert:opened", "worker:a", "critical")]


def test_a_place_that_is_promised_is_taken():
    books = Books()
    books.report("a", 16)
    books.ledger.reserve(Owner("acme", "repo"), "new", books.now)

    assert alerts_in(books.told("capacity")) == [("capacity-alert:opened", "cluster", "warning")]


def test_a_tenant_hears_of_its_own_limit():
    books = Books(sessions_per_installation=10)
    books.report("a", 9)

    events = books.told("capacity")

    assert alerts_in(events) == [("capacity-alert:opened", "installation:acme", "warning")]
    assert [event.installation for event in events] == ["acme"]
    assert books.copies == {("capacity-alert:opened", "default")}, "operators see all"


def test_an_alert_reaches_those_whose_sessions_are_there_until_it_is_over():
    books = Books()
    books.report("a", 19)
    assert [event.installation for event in books.told("capacity")] == ["default"]
    assert books.copies == {("capacity-alert:opened", "acme")}

    books.report("a", 0)
    books.told()
    books.now += 301.0
    books.report("a", 0)

    assert [event.installation for event in books.told("capacity")] == ["default"]
    assert books.copies == {("capacity-alert:resolved", "acme")}, "though it has no session any more"


def test_of_a_full_worker_only_its_own_installations_hear():
    books = Books()
    books.report("a", 19)
    report = WorkerReport("b", "gw:b:1", "h", 1, 7, "n", 20, 0, {"b-1": Owner("other", "repo")})
    assert books.ledger.report(report, books.now)

    [event] = [one for one in books.told("capacity") if b"worker:a" in one.data]

    assert event.installation == "default"
    assert books.copies == {("capacity-alert:opened", "acme")}


async def test_after_a_restart_an_alert_ends_for_all_who_were_told_of_it():
    books = Books()
    books.report("a", 19)
    books.watch.look()
    alerts = [
        msgspec.json.decode(event.data, type=CapacityAlert)
        for event in books.outbox._waiting
        if event.name == "capacity-alert:opened"
    ]
    assert {alert.installation_id for alert in alerts} == {"default", "acme"}

    async def open_alerts() -> list[CapacityAlert]:
        return sorted(alerts, key=lambda alert: alert.installation_id)

    again = Books()
    assert await again.watch._restore(open_alerts)
    again.report("a", 0)
    again.told()
    again.now += 301.0
    again.report("a", 0)

    assert [event.installation for event in again.told("capacity")] == ["default"]
    assert again.copies == {("capacity-alert:resolved", "acme")}


def test_refused_and_returning_clients_make_a_storm():
    books = Books(retries_per_minute=100)
    books.report("a", 1)
    books.told()
    books.refused = 60
    books.watch.returned(30)

    [event] = books.told("capacity")

    alert = json.loads(event.data)
    assert (alert["cause"], alert["trigger"], alert["activeConnections"]) == ("retry-storm", "warning", 90)


def test_a_draining_worker_offers_no_room_and_hurts_nobody_else():
    books = Books()
    books.report("a", 19, draining=True)
    books.report("b", 5)

    assert books.told("capacity") == []


async def test_nothing_is_opened_before_it_is_known_what_is_open():
    books = Books()
    books.report("a", 19)
    answers: list[list[CapacityAlert] | errors.LumiLinkError] = [
        errors.WorkerUnavailableError("away"),
        [],
    ]

    async def open_alerts() -> list[CapacityAlert]:
        answer = answers.pop(0)
        if isinstance(answer, errors.LumiLinkError):
            raise answer
        return answer

    assert not await books.watch._restore(open_alerts)
    books.watch.look(alerting=False)
    assert [event for event in books.outbox._waiting if "alert" in event.name] == []
    assert await books.watch._restore(open_alerts)
    assert len(books.told("capacity")) == 1


@pytest.mark.parametrize("sessions", [0, 20])
def test_workers_come_and_go(sessions: int):
    books = Books()
    books.report("a", sessions)
    assert [event.name for event in books.told("worker")] == ["worker:joined"]
    books.now += 60.0

    assert [event.name for event in books.told("worker")] == ["worker:lost"]
