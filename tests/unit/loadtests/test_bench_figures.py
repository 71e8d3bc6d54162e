"""Figures, verdicts and the page, from trials made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_trials import SESSIONS, phase, trial
from msgspec.structs import replace

from actors.errors import SettingsError
from loadtests.figures import Spread, in_phase, memory_kb, number, paired, ratio, rows, spread
from loadtests.page import BEGIN, END, failures, grid, quiet_note, write_figures
from loadtests.results import TrialResult
from loadtests.verdicts import Verdict, judge

THROUGHPUT = in_phase("closed 100", lambda one: one.per_second)


def _verdict(trials: list[TrialResult], words: str) -> Verdict:
    return next(one for one in judge(trials, SESSIONS, "closed 100") if words in one.claim)


def _run(lumilink: TrialResult, relay: float = 10_000, sdk: float = 1_000) -> list[TrialResult]:
    return [trial("relay", closed=relay), trial("sdk-gateway", closed=sdk), lumilink]


def test_a_ratio_is_taken_within_each_round_before_the_median() -> None:
    trials = [
        *(trial("lumilink", one, closed=value) for one, value in enumerate((100, 900, 50), 1)),
        *(trial("relay", one, closed=value) for one, value in enumerate((200, 1000, 50), 1)),
    ]
    assert paired(trials, "lumilink", "relay", THROUGHPUT, ratio) == Spread(0.9, 0.5, 1.0)


def test_a_round_that_one_of_the_two_did_not_finish_gives_no_ratio() -> None:
    trials = [trial("lumilink"), TrialResult("relay", 1, failure="did not start")]
    assert paired(trials, "lumilink", "relay", THROUGHPUT, ratio) is None


def test_cpu_is_divided_by_what_was_carried() -> None:
    one = phase("open 10/s", 10_000, 5, cpu_s={"server": 2.0})
    assert one.cpu_us("server") == pytest.approx(20.0)
    assert one.cpu_us("haproxy") is None


def test_an_overloaded_target_gives_neither_latency_nor_cpu_to_compare_with() -> None:
    flooded = trial("relay", phases=[phase("open 1/s", 100, 9000, offered=10_000)])
    table = grid([flooded, trial("lumilink")], rows(("open 1/s",), ()))
    lines = {line[0]: line[1:] for line in table}
    assert lines["open 1/s: carried, %"] == ["10.0", "100", ""]
    assert lines["open 1/s: p99, ms"] == ["", "5.00", ""]
    assert lines["open 1/s: CPU an update, us"] == ["", "100", ""]


def test_an_overloaded_lumilink_still_shows_the_latency_that_misses() -> None:
    flooded = trial("lumilink", phases=[phase("open 10/s", 100, 9000, offered=100_000)])
    found = _verdict(_run(flooded), "p99 below 30 ms")
    assert (found.figure, found.passed) == ("9,000 ms", False)


def test_memory_is_shared_among_the_sessions_that_opened() -> None:
    half = trial("lumilink", opened=SESSIONS // 2)
    assert spread([half], "lumilink", memory_kb("worker")) == Spread(40.0, 40.0, 40.0)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.1234, "0.12"), (9.999, "10.0"), (99.96, "100"), (12345.6, "12,346")]
)
def test_numbers_have_as_many_digits_as_they_deserve(value: float, text: str) -> None:
    assert number(value) == text


def test_all_targets_hold_where_all_figures_are_good() -> None:
    verdicts = judge(_run(trial("lumilink", closed=9_000)), SESSIONS, "closed 100")
    assert [one.claim for one in verdicts if not one.passed] == []
    assert len(verdicts) == 8


@pytest.mark.parametrize(
    ("lumilink", "words"),
    [
        (trial("lumilink", closed=7_900), "of the relay's"),
        (trial("lumilink", closed=4_900), "times the SDK gateway's"),
        (trial("lumilink", p99_ms=15.1), "over the relay's"),
        (trial("lumilink", p99_ms=30.1), "p99 below 30 ms"),
        (trial("lumilink", memory_bytes={"worker": 101_000 * SESSIONS}), "in the worker"),
        (replace(trial("lumilink"), ready_s=25.1), "ready within"),
        (trial("lumilink", opened=SESSIONS - 1), "none refused"),
        (trial("lumilink", dropped=1), "none refused"),
        (trial("lumilink", phases=[phase("open 1/s", 1000, 5, doubled=1)]), "none refused"),
        (trial("lumilink", phases=[phase("open 1/s", 1000, 5, turns={"unanswered": 1})]), "none refused"),
        (trial("lumilink", phases=[phase("open 10/s", 1000, 5, missing=1)]), "all carried"),
        (trial("lumilink", phases=[phase("open 10/s", 1000, 5, offered=10_200)]), "all carried"),
    ],
)
def test_a_figure_that_misses_its_target_is_shown_as_missed(lumilink: TrialResult, words: str) -> None:
    assert not _verdict(_run(lumilink), words).passed


def test_no_target_holds_where_lumilink_was_not_measured() -> None:
    trials = _run(TrialResult("lumilink", 1, failure="lumilink ended with status 2 unready"))
    verdicts = judge(trials, SESSIONS, "closed 100")
    assert not any(one.passed for one in verdicts)
    assert "status 2" in verdicts[0].figure


def test_one_failed_round_misses_the_target_that_nothing_is_lost() -> None:
    trials = [*_run(trial("lumilink")), TrialResult("lumilink", 2, failure="worker died")]
    assert "worker died" in _verdict(trials, "none refused").figure


def test_the_grid_has_a_column_a_target_and_ratios_to_the_baselines() -> None:
    table = grid(_run(trial("lumilink", closed=5_000)), rows(("open 1/s",), ("closed 100",)))
    assert table[0][1:] == [
        "uvicorn relay",
        "SDK gateway",
        "LumiLink",
        "LumiLink / uvicorn relay",
        "LumiLink / SDK gateway",
    ]
    updates = next(line for line in table if line[0] == "closed 100: updates/s")
    assert updates[1:] == ["10,000", "1,000", "5,000", "0.50", "5.00"]
    assert {len(line) for line in table} == {6}


def test_failures_and_notes_are_told() -> None:
    trials = [TrialResult("relay", 2, failure="gone"), replace(trial("lumilink"), note="left out")]
    assert failures(trials) == ["uvicorn relay, round 2: gone", "LumiLink, round 1: left out"]


def test_a_busy_machine_is_told() -> None:
    busy = trial("relay", phases=[phase("open 1/s", 1000, 5, cpu_s={"elsewhere": 9.0})])
    assert "not a quiet machine" in quiet_note([busy])
    assert "not a quiet machine" not in quiet_note([trial("relay")])


def test_only_what_stands_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_figures(page, "new")
    write_figures(page, "newer")
    assert page.read_text() == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("mine")
    with pytest.raises(SettingsError, match="has no section"):
        write_figures(page, "new")
    assert page.read_text() == "mine"
