"""What surrounds a trial: phases given as text, watched processes, limits, and ending what was started."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from bench_trials import trial

from actors.errors import AgentStartError, AgentUnreachableError, SettingsError, WorkerUnavailableError
from loadtests import measure
from loadtests.limits import ensure_open_files
from loadtests.measure import Load, changed_note, settled, without_path
from loadtests.phases import ClosedLoop, OpenLoop, parse_phase
from loadtests.processes import launched
from loadtests.targets import Roles, path_roles
from loadtests.watch import ELSEWHERE, OWN_ROLE, ProcessWatch, growth, parse_roles


def test_phases_are_read_from_text() -> None:
    assert parse_phase("open:10:5") == OpenLoop(10, 5)
    assert parse_phase("closed:100:2.5") == ClosedLoop(100, 2.5)


@pytest.mark.parametrize(
    "text", ["open:10", "open:0:5", "closed:1.5:5", "burst:1:1", "open:ten:5", "closed:5:-1"]
)
def test_a_phase_that_cannot_be_read_is_a_settings_error(text: str) -> None:
    with pytest.raises(SettingsError, match="phase"):
        Load(10, (text,))


@pytest.mark.parametrize("text", ["worker", "worker=", "=1", "worker=1,x"])
def test_a_watched_role_without_pids_is_a_settings_error(text: str) -> None:
    with pytest.raises(SettingsError, match="ROLE=PID"):
        parse_roles([text])


def test_a_process_with_two_roles_is_subtracted_from_the_rest_once(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = SimpleNamespace(user=1000.0, system=0.0, nice=0.0, irq=0.0, softirq=0.0)
    monkeypatch.setattr(psutil, "cpu_times", lambda: busy)
    me = os.getpid()
    spent = ProcessWatch({OWN_ROLE: [me], "server": [me]}).cpu_s()
    assert spent["server"] > 0
    assert spent[ELSEWHERE] == 1000.0 - spent["server"]


def test_a_process_that_is_gone_counts_nothing() -> None:
    watch = ProcessWatch({"gone": [2**22 + 1]})
    assert (watch.cpu_s()["gone"], watch.rss_bytes()["gone"]) == (0, 0)


def test_growth_is_taken_role_by_role() -> None:
    assert growth({"a": 1.0, "b": 2.0}, {"a": 4.0, "b": 2.5}) == {"a": 3.0, "b": 0.5}


def test_too_low_a_hard_limit_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    with pytest.raises(SettingsError, match="ulimit -Hn 5000"):
        ensure_open_files(5000)


def test_the_soft_limit_is_raised_as_far_as_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: wanted.append(limits))
    ensure_open_files(3000)
    ensure_open_files(1000)
    assert wanted == [(3000, 4096)]


class Clock:
    """A clock that moves only when something sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_measuring_waits_until_the_processes_on_the_path_hold_still(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(measure, "time", clock)
    last: Roles = settled(lambda: {"haproxy": [1 if clock.now < 2 else 2]})
    assert last == {"haproxy": [2]}
    assert clock.now == pytest.approx(5.0)


def test_processes_that_never_hold_still_fail_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(measure, "time", clock)
    with pytest.raises(WorkerUnavailableError, match="still changed"):
        settled(lambda: {"haproxy": [int(clock.now)]})


def test_a_target_whose_processes_changed_loses_its_cpu_and_memory() -> None:
    note = changed_note({"haproxy": [1], "control": [5]}, {"haproxy": [2], "control": [6]})
    assert note is not None
    assert "(haproxy)" in note
    load = trial("lumilink").load
    assert load is not None
    kept = without_path(load)
    assert kept.memory_bytes == {}
    assert [set(phase.cpu_s) for phase in kept.phases] == [{ELSEWHERE}] * 3
    assert kept.phases[0].carried == load.phases[0].carried


def test_a_change_off_the_path_does_not_matter() -> None:
    assert changed_note({"haproxy": [1], "control": [5]}, {"haproxy": [1], "control": [6]}) is None


def test_what_is_not_on_the_path_is_control() -> None:
    me = psutil.Process()
    topology = json.dumps({"workers": [{"pid": 1, "node": "n"}], "ingress": [{"pid": 2}], "more": 1}).encode()
    roles = path_roles(topology, {me})
    assert roles == {"server": [1, 2], "worker": [1], "ingress": [2], "haproxy": [], "control": [me.pid]}


def _script(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def test_a_started_process_tells_its_address_and_is_ended_with_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "sleep = [sys.executable, '-S', '-c', 'import time; time.sleep(60)']\n"
        "subprocess.Popen(sleep, start_new_session=True)\n"
        "print('starting', flush=True); print('ready http://127.0.0.1:9', flush=True)\n"
        "time.sleep(60)"
    )
    with launched("target", _script(code), tmp_path) as process:
        assert process.wait_ready(10)[0] == "http://127.0.0.1:9"
        family = process.family()
        assert len(family) == 2
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family)


def test_a_process_that_will_not_end_is_killed(tmp_path: Path) -> None:
    code = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready x', flush=True); time.sleep(60)"
    )
    with launched("stubborn", _script(code), tmp_path, stop_within_s=0.05) as process:
        process.wait_ready(10)
    assert not psutil.pid_exists(process.pid)


def test_everything_is_ended_where_measuring_is_interrupted(tmp_path: Path) -> None:
    def interrupted() -> Iterator[int]:
        with launched("target", _script("import time; time.sleep(60)"), tmp_path) as process:
            yield process.pid
            raise KeyboardInterrupt

    run = interrupted()
    pid = next(run)
    with pytest.raises(KeyboardInterrupt):
        next(run)
    assert not psutil.pid_exists(pid)


def test_a_process_that_ends_unready_is_told_with_what_it_printed(tmp_path: Path) -> None:
    with (
        launched("target", _script("print('no such option'); raise SystemExit(3)"), tmp_path) as process,
        pytest.raises(AgentStartError, match=r"status 3 unready: no such option"),
    ):
        process.wait_ready(10)


def test_a_process_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    with (
        launched("target", _script("import time; time.sleep(60)"), tmp_path) as process,
        pytest.raises(AgentUnreachableError, match="not ready within"),
    ):
        process.wait_ready(0.05)


def test_a_command_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(AgentStartError, match="could not be started"),
        launched("target", ["/no/such/program"], tmp_path),
    ):
        pass
