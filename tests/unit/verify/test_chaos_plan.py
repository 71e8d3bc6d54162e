"""What is killed when, how recoveries are counted, and how a run is told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verify_histories import patient

from actors.errors import SettingsError
from loadtests.chaos.kills import USUAL, Victim, plan_kills
from loadtests.chaos.recovery import Hit, Recoveries
from loadtests.chaos.results import BEGIN, END, ChaosResult, rows, section, write_section
from topology.verify.report import Report
from topology.verify.violations import Rule, Violation


@patient
@given(st.integers(), st.integers(0, 300), st.floats(1.0, 1000.0))
def test_the_same_seed_plans_the_same_kills(seed: int, kills: int, duration_s: float) -> None:
    plan = plan_kills(seed, kills, duration_s)
    assert plan == plan_kills(seed, kills, duration_s)
    assert len(plan) == kills
    assert sum(kill.after_s for kill in plan) <= duration_s + 1e-6
    assert all(kill.after_s >= 0.0 and 0.0 <= kill.which < 1.0 for kill in plan)


def test_each_kind_comes_as_often_as_its_weight_says() -> None:
    deck = sum(USUAL.values())
    assert Counter(kill.victim for kill in plan_kills(7, 3 * deck, 60.0)) == {
        victim: 3 * weight for victim, weight in USUAL.items()
    }


def test_another_seed_plans_other_kills() -> None:
    assert plan_kills(1, 20, 60.0) != plan_kills(2, 20, 60.0)


def test_only_what_has_a_weight_is_killed() -> None:
    assert {kill.victim for kill in plan_kills(1, 50, 1.0, {Victim.WORKER: 1})} == {Victim.WORKER}


def test_a_session_is_hit_by_the_kill_before_it() -> None:
    recoveries = Recoveries()
    assert recoveries.blame() is None
    recoveries.killed("worker")
    recoveries.killed("ingress")
    hit = recoveries.blame()
    assert hit is not None
    assert hit.kind == "ingress"


@patient
@given(st.lists(st.floats(0.0, 100.0), min_size=1))
def test_quantiles_are_values_that_were_seen(seconds: list[float]) -> None:
    recoveries = Recoveries(seconds={"worker": seconds})
    assert recoveries.quantile_s(1.0) == max(seconds)
    assert recoveries.quantile_s(0.0) == min(seconds)
    assert recoveries.quantile_s(0.5) in seconds
    assert recoveries.quantile_s(0.5, "ingress") is None


def result(*rules: Rule) -> ChaosResult:
    recoveries = Recoveries()
    recoveries.killed("worker")
    recoveries.recovered(Hit("worker", 0.0))
    report = Report(sessions=10)
    for rule in rules:
        report.add(Violation(rule, "s-1", 1, "this", "that"))
    return ChaosResult(10, 1, 1, 60.0, 0, recoveries, 3, {"end_turn": 5}, {"worker-unavailable": 1}, report)


def test_a_run_that_kept_every_promise_is_clean() -> None:
    assert result().is_clean


@pytest.mark.parametrize("rule", list(Rule))
def test_every_broken_promise_is_in_one_row(rule: Rule) -> None:
    found = result(rule)
    counts = (found.lost, found.doubled, found.reordered, found.unanswered, found.other)
    assert sum(counts) == 1
    assert not found.is_clean


def test_prompts_that_were_refused_for_good_are_told() -> None:
    found = result()
    found.outcomes = {"end_turn": 5, "cancelled": 1, "turn-interrupted": 2, "session-not-found": 3}
    assert found.failed == 3
    assert not found.is_clean


def test_the_section_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_section(page, section({"seed": "1"}, result()))
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n\n- seed: 1\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| kills | 1 of 1 planned: worker 1 |" in text


def test_a_page_without_the_markers_is_not_touched(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(SettingsError, match="has no section"):
        write_section(page, "text")
    assert page.read_text() == "nothing here"


def test_recoveries_are_told_for_all_and_by_kind() -> None:
    names = [name for name, _ in rows(result())]
    assert names[-2:] == ["recovery p50 / p99 / longest", "… of those hit by worker"]


@given(seed=st.integers(0, 10_000), kills=st.integers(1, 20))
def test_kills_keep_the_gap_that_was_asked_for(seed: int, kills: int) -> None:
    plan = plan_kills(seed, kills, 300.0, gap_s=10.0)
    assert all(kill.after_s >= 10.0 for kill in plan)
    assert sum(kill.after_s for kill in plan) <= 300.0
