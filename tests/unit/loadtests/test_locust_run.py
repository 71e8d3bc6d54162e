"""How Locust is started: alone, or as a master with workers, on loopback."""

from __future__ import annotations

from pathlib import Path

from loadtests.locust.profiles import SMOKE
from loadtests.locust.run import LOCUST, Run, locust_commands

ADDRESS = "http://127.0.0.1:8000"


def commands(workers: int, report: Path | None = None) -> dict[str, list[str]]:
    return locust_commands(Run(SMOKE, workers, report), ADDRESS, Path("/tmp/outcome.json"))


def after(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def test_without_workers_one_process_does_everything() -> None:
    [(name, command)] = commands(0).items()
    assert name == LOCUST
    assert {"--headless", "--host"} < set(command)
    assert not {"--master", "--worker", "--html"} & set(command)
    assert "LUMILINK_LOAD_PROFILE=smoke" in command


def test_a_master_waits_for_as_many_workers_as_are_started() -> None:
    master, *workers = commands(3).values()
    assert after(master, "--expect-workers") == "3"
    assert [command.count("--worker") for command in workers] == [1, 1, 1]
    assert {after(command, "--master-port") for command in workers} == {after(master, "--master-bind-port")}


def test_a_master_listens_on_loopback_only() -> None:
    master, worker = commands(1).values()
    assert after(master, "--master-bind-host") == after(worker, "--master-host") == "127.0.0.1"


def test_the_report_is_the_master_s() -> None:
    master, worker = commands(1, Path("/tmp/report.html")).values()
    assert after(master, "--html") == "/tmp/report.html"
    assert "--html" not in worker
