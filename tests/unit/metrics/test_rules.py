"""Dashboards and rules: they ask for what there is, and each alert says where it is told what to do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from actors.metrics.catalogue import ALL
from topology.grafana.__main__ import FOLDER, text
from topology.grafana.boards import ALL as BOARDS
from topology.grafana.panels import HEIGHT, WIDTH, Dashboard

ROOT: Final = Path(__file__).parents[3]
RULES: Final = ROOT / "topology" / "prometheus"
PROMTOOL: Final = shutil.which("promtool")
SERIES: Final = {name for metric in ALL for name in metric.series}
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (apt-get install prometheus)")


def rules() -> str:
    return (RULES / "recording.yml").read_text() + (RULES / "alerts.yml").read_text()


def expressions(board: Dashboard) -> list[str]:
    return [query.expression for panel in board.panels for query in panel.queries]


def unknown_names(expression: str) -> set[str]:
    recorded = set(re.findall(r"record: (\S+)", rules()))
    asked = set(re.findall(r"\blumilink[_:][a-z0-9_:]+", expression))
    return asked - SERIES - recorded


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_s_file_is_that_of_the_code(board: Dashboard):
    assert (FOLDER / f"{board.name}.json").read_text() == text(board), "run python -m topology.grafana"


def test_there_is_no_file_without_a_dashboard():
    assert {path.stem for path in FOLDER.glob("*.json")} == {board.name for board in BOARDS}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_a_dashboard_asks_for_what_there_is(board: Dashboard):
    for expression in expressions(board):
        assert not unknown_names(expression)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_panels_fill_the_grid_and_do_not_overlap(board: Dashboard):
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(text(board))["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        cells = {(x, place["y"] // HEIGHT) for x in range(place["x"], place["x"] + place["w"])}
        assert not cells & taken
        taken |= cells


def test_every_metric_is_on_a_dashboard_or_in_a_rule():
    asked = " ".join(expression for board in BOARDS for expression in expressions(board)) + rules()
    inside = {
        "lumilink_process_start_time_seconds",
        "lumilink_journal_waiting_bytes",
        "lumilink_link_queue_frames",
    }
    assert {metric.name for metric in ALL if metric.name not in asked} == inside


def test_rules_ask_for_what_there_is():
    assert not unknown_names(re.sub(r"record: \S+", "", rules()))


def test_every_alert_says_what_to_do():
    alerts = re.findall(r"alert: (\S+)", rules())
    anchors = re.findall(r"runbook: docs/operations\.md#(\S+)", rules())
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    known = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert len(alerts) == len(anchors) == len(set(alerts))
    assert set(anchors) <= known


@needs_promtool
def test_prometheus_takes_the_rules():
    files = [str(path) for path in (RULES / "recording.yml", RULES / "alerts.yml")]
    checked = subprocess.run([str(PROMTOOL), "check", "rules", *files], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_alerts_come_when_they_should_and_not_before():
    tested = subprocess.run(
        [str(PROMTOOL), "test", "rules", "alerts_test.yml"], cwd=RULES, capture_output=True, text=True
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_is_tested():
    tested = (RULES / "alerts_test.yml").read_text()
    untested = {name for name in re.findall(r"alert: (\S+)", rules()) if f"alertname: {name}\n" not in tested}
    assert untested == {"LumiLinkBudgetBurnsFast", "LumiLinkBudgetBurns"}  # as the first, over longer windows
