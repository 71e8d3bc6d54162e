"""One open alert for each thing that fills up, louder but never milder, and over after five calm minutes."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.capacity.alert_events import events_of
from actors.capacity.alerts import CALM_S, CLUSTER, AlertChange, Alerts, Load
from actors.protocol.capacity_alert import CapacityAlert

PLACES = 100
AT = 1_700_000_000_000


def alerts() -> Alerts:
    numbers = count(1)
    return Alerts(lambda: f"alert-{next(numbers)}")


def load(taken: int, scope: str = CLUSTER) -> Load:
    return Load(scope, "default", taken, PLACES)


def observed(watched: Alerts, *steps: tuple[float, int]) -> list[AlertChange]:
    """What comes of loads of the cluster at times."""
    return [
        change
        for now, taken in steps
        for change in watched.observe([load(taken)], now, AT + round(now * 1000))
    ]


@pytest.mark.parametrize(
    ("taken", "trigger"),
    [(84, None), (85, "warning"), (94, "warning"), (95, "critical"), (120, "critical")],
)
def test_a_threshold_is_part_of_what_it_begins(taken: int, trigger: str | None):
    found = [change.alert.trigger for change in observed(alerts(), (0.0, taken))]

    assert found == ([trigger] if trigger else [])


def test_a_warning_that_becomes_critical_is_the_same_alert():
    opened, escalated = observed(alerts(), (0.0, 86), (1.0, 96), (2.0, 97))

    assert (opened.state, escalated.state) == ("opened", "escalated")
    assert opened.alert.alert_id == escalated.alert.alert_id
    assert (escalated.alert.active_connections, escalated.alert.capacity_percent) == (96, 0.96)
    assert escalated.alert.timestamp > opened.alert.timestamp


def test_a_critical_alert_does_not_become_milder():
    watched = alerts()

    observed(watched, (0.0, 96), (1.0, 86), (2.0, 75))

    assert [alert.trigger for alert in watched.open] == ["critical"]


def test_an_alert_is_over_after_five_minutes_under_seventy_percent():
    changes = observed(alerts(), (0.0, 90), (10.0, 69), (309.9, 69), (310.0, 69))

    assert [change.state for change in changes] == ["opened", "resolved"]
    assert changes[-1].alert.resolved_at == "2023-11-14T22:18:30.000Z"


def test_seventy_percent_is_not_under_seventy_percent():
    changes = observed(alerts(), (0.0, 90), (10.0, 69), (200.0, 70), (320.0, 69), (619.0, 69))

    assert [change.state for change in changes] == ["opened"]


def test_what_comes_after_the_end_is_another_alert():
    changes = observed(alerts(), (0.0, 90), (1.0, 0), (301.0, 0), (302.0, 90))

    assert [change.state for change in changes] == ["opened", "resolved", "opened"]
    assert changes[0].alert.alert_id != changes[2].alert.alert_id


def test_each_scope_has_an_alert_of_its_own():
    watched = alerts()

    watched.observe([load(90), load(96, "worker:a"), load(10, "worker:b")], 0.0, AT)

    assert {alert.scope: alert.trigger for alert in watched.open} == {
        CLUSTER: "warning",
        "worker:a": "critical",
    }


def test_a_retry_storm_is_no_shortage_of_room():
    watched = alerts()

    watched.observe([load(90), Load(CLUSTER, "default", 900, 1000, "retry-storm")], 0.0, AT)

    assert [alert.cause for alert in watched.open] == ["capacity", "retry-storm"]


def test_an_alert_that_was_open_before_is_not_opened_again_and_waits_five_minutes_anew():
    [before] = observed(alerts(), (0.0, 90))
    watched = alerts()
    watched.restore([before.alert])

    changes = observed(watched, (1000.0, 91), (1001.0, 0), (1300.0, 0), (1301.0, 0))

    assert [change.state for change in changes] == ["resolved"]
    assert changes[0].alert.alert_id == before.alert.alert_id


def test_sessions_where_none_may_be_are_too_many():
    assert Load(CLUSTER, "default", 1, 0).ratio == 1.0
    assert Load(CLUSTER, "default", 0, 0).ratio == 0.0


def test_a_toast_is_short_whatever_the_scope_is_called():
    [change] = alerts().observe([load(90, f"installation:{'x' * 500}")], 0.0, AT)

    _, toast = events_of(change, AT)

    assert toast.name == "toast"
    assert len(json.loads(toast.data)["message"]) <= 140


Steps = st.lists(
    st.tuples(
        st.floats(0.1, 400.0),
        st.dictionaries(st.sampled_from([CLUSTER, "worker:a", "worker:b"]), st.integers(0, 130)),
    ),
    max_size=40,
)


class Told:
    """What a reader of the feed knows."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], CapacityAlert] = {}

    def take(self, change: AlertChange) -> None:
        alert = change.alert
        key = (alert.scope, alert.cause)
        if change.state == "opened":
            assert key not in self.open, "two alerts are open for one thing"
            self.open[key] = alert
            return
        assert self.open[key].alert_id == alert.alert_id
        if change.state == "escalated":
            assert (self.open[key].trigger, alert.trigger) == ("warning", "critical")
            self.open[key] = alert
        else:
            assert alert.resolved_at is not None
            del self.open[key]


@given(Steps)
def test_at_most_one_alert_is_open_and_none_is_over_before_five_calm_minutes(
    steps: list[tuple[float, dict[str, int]]],
):
    watched, told, now = alerts(), Told(), 0.0
    not_calm_at: dict[str, float] = {}
    for pause, taken in steps:
        now += pause
        for scope in (CLUSTER, "worker:a", "worker:b"):
            if taken.get(scope, 0) >= 70:
                not_calm_at[scope] = now
        for change in watched.observe([load(n, scope) for scope, n in taken.items()], now, AT):
            told.take(change)
            if change.state == "resolved":
                assert now - not_calm_at[change.alert.scope] > CALM_S
        assert {alert.alert_id for alert in watched.open} == {one.alert_id for one in told.open.values()}


@given(Steps)
def test_when_load_vanishes_every_alert_ends(steps: list[tuple[float, dict[str, int]]]):
    watched, told, now = alerts(), Told(), 0.0
    for pause, taken in steps:
        now += pause
        for change in watched.observe([load(n, scope) for scope, n in taken.items()], now, AT):
            told.take(change)
    for later in (now + 1.0, now + 2.0 + CALM_S):
        for change in watched.observe([], later, AT):
            told.take(change)

    assert told.open == {}
    assert watched.open == []
