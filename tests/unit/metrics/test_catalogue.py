"""The catalogue holds to Prometheus' rules of naming, to what the product knows, and to its page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import get_args

import pytest

from actors.connection.turns import TurnEnd
from actors.errors import Category
from actors.metrics import catalogue
from actors.metrics.catalogue import ALL
from actors.metrics.metric import Kind, Metric
from actors.migration.contract import SampleKind
from actors.migration.states import Change
from actors.protocol.agent_protocol import AgentProtocol
from actors.protocol.capacity_alert import AlertCause, AlertTrigger
from actors.records.models.automation import AutomationStatus
from topology.metrics_page import PAGE, page

UNBOUND = {"session", "session_id", "workspace", "user", "client", "connection", "agent"}


def test_the_page_in_docs_is_that_of_the_catalogue():
    assert PAGE.read_text() == page(), "run python -m topology.metrics_page"


def test_no_name_is_declared_twice():
    assert len({metric.name for metric in ALL}) == len(ALL)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_name_says_what_is_counted_and_in_which_unit(metric: Metric):
    assert re.fullmatch(r"lumilink_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith(("_seconds", "_entries"))
    assert metric.help.endswith(".")
    assert metric.by


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_every_label_is_bounded(metric: Metric):
    for label in metric.labels:
        assert label.name not in UNBOUND
        assert label.name != "process"
        assert label.values or label.bound


@pytest.mark.parametrize("metric", [one for one in ALL if one.buckets], ids=lambda metric: metric.name)
def test_buckets_grow(metric: Metric):
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.kind is Kind.HISTOGRAM


def test_first_updates_are_told_apart_up_to_ten_minutes():
    assert catalogue.FIRST_UPDATE_SECONDS.buckets[-1] == 600.0


@pytest.mark.parametrize(
    ("metric", "label", "known"),
    [
        (catalogue.TURNS, "outcome", TurnEnd),
        (catalogue.SESSIONS, "protocol", AgentProtocol),
        (catalogue.HANDSHAKES, "protocol", AgentProtocol),
        (catalogue.ACP_SAMPLES, "kind", SampleKind),
        (catalogue.FALLBACKS, "category", Category),
        (catalogue.PROTOCOL_CHANGES, "change", Change),
        (catalogue.ALERTS_OPEN, "cause", get_args(AlertCause)),
        (catalogue.ALERTS_OPEN, "trigger", get_args(AlertTrigger)),
        (catalogue.AUTOMATION_RUNS, "status", AutomationStatus),
    ],
    ids=lambda value: value.name if isinstance(value, Metric) else None,
)
def test_a_label_takes_what_the_product_knows(
    metric: Metric, label: str, known: Iterable[StrEnum] | Iterable[str]
):
    [found] = [one for one in metric.labels if one.name == label]
    assert set(found.values) == {str(value) for value in known}
