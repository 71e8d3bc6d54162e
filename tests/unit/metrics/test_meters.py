"""What a process counts, and how it is shown."""

from __future__ import annotations

import logging

import pytest
from support.counted import read

from actors.metrics import catalogue
from actors.metrics.exposition import joined
from actors.metrics.meters import Meters
from actors.metrics.metric import Kind, Role
from actors.metrics.process import watch_process


@pytest.fixture
def meters() -> Meters:
    return Meters()


def text(meters: Meters, process: str = "worker-0") -> str:
    return joined([meters.families(process)])


def test_what_is_counted_is_shown_under_the_name_of_the_process(meters: Meters):
    meters.count(catalogue.TURNS, "completed")
    meters.count(catalogue.TURNS, "completed", by=2)
    meters.count(catalogue.TURNS, "failed")

    assert 'lumilink_turns_total{outcome="completed",process="worker-0"} 3.0\n' in text(meters)
    assert read(text(meters), "lumilink_turns_total", process="worker-0") == 4


def test_a_measured_value_falls_into_its_bucket_and_all_above(meters: Meters):
    meters.observe(catalogue.FIRST_UPDATE_SECONDS, 45.0)

    shown = text(meters)
    assert read(shown, "lumilink_first_update_seconds_bucket", le="30.0") == 0
    assert read(shown, "lumilink_first_update_seconds_bucket", le="60.0") == 1
    assert read(shown, "lumilink_first_update_seconds_bucket", le="600.0") == 1
    assert read(shown, "lumilink_first_update_seconds_sum") == 45.0


def test_what_is_watched_is_read_when_somebody_asks(meters: Meters):
    values = {("acp",): 1.0}
    meters.watch(catalogue.SESSIONS, lambda: values)
    values["acp",] = 7.0

    assert read(text(meters), "lumilink_sessions", protocol="acp") == 7


def test_a_watched_counter_is_one(meters: Meters):
    meters.watch(catalogue.UPDATES, lambda: 12)

    assert "# TYPE lumilink_updates_total counter\n" in text(meters)
    assert read(text(meters), "lumilink_updates_total") == 12


def test_who_comes_last_is_asked(meters: Meters):
    meters.count(catalogue.UPDATES)
    meters.watch(catalogue.UPDATES, lambda: 1)
    meters.watch(catalogue.UPDATES, lambda: 5)

    assert text(meters).count("lumilink_updates_total{") == 1
    assert read(text(meters), "lumilink_updates_total") == 5


def test_one_that_cannot_be_read_hurts_no_other(meters: Meters, caplog: pytest.LogCaptureFixture):
    meters.watch(catalogue.MAILBOX_DEPTH, lambda: 1 / 0)
    meters.watch(catalogue.UPDATES, lambda: 5)

    with caplog.at_level(logging.ERROR):
        assert read(text(meters), "lumilink_updates_total") == 5
    assert "lumilink_mailbox_depth cannot be read" in caplog.text


@pytest.mark.parametrize("role", Role)
def test_all_that_a_process_counts_is_there_from_the_beginning(role: Role):
    meters = Meters()
    watch_process(meters)
    meters.begin(role)

    shown = text(meters)
    for metric in catalogue.ALL:
        is_counted = metric.kind is not Kind.GAUGE and role in metric.by
        assert (f"# TYPE {metric.name} " in shown) or not is_counted
        if is_counted and all(label.values for label in metric.labels):
            assert f"\n{metric.series[-1]}{{" in shown


def test_when_a_series_began_is_left_out(meters: Meters):
    meters.begin(Role.WORKER)

    assert "_created" not in text(meters)
