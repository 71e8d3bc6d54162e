"""Lines of instances: their levels, what is gathered, and how much of it is told live."""

from __future__ import annotations

import json

import pytest

from actors.instances import lines as lines_module
from actors.instances.happenings import MAX_TOLD, events_of
from actors.instances.lines import GatheredLines, LogLevel, LogLine, LogSource, level_in, line_of


def line(message: str, instance: str = "box") -> LogLine:
    return line_of("acme", instance, message, LogSource.AGENT)


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("started", "INFO"),
        ("[ERROR] no disk", "ERROR"),
        ("2026-01-01 12:00:00 warning: slow", "WARN"),
        ("fatal: not a repository", "ERROR"),
        ("debug x", "DEBUG"),
        ("TRACE y", "TRACE"),
        ("terrorise", "INFO"),
        ("x" * 100 + " ERROR", "INFO"),
    ],
)
def test_a_line_says_its_level_near_its_beginning(message: str, level: str):
    assert level_in(message) is LogLevel(level)


def test_a_line_holds_no_credential_and_is_not_endless():
    assert "hunter2" not in line("git clone https://ann:hunter2@example.org/x").message
    assert len(line("word " * 10_000).message) == lines_module.MAX_CHARS


def test_what_is_gathered_is_taken_once_in_order_and_can_be_put_back():
    gathered = GatheredLines()
    for number in range(3):
        gathered.add(line(str(number)))
    taken = gathered.take(2)
    gathered.put_back(taken)

    assert [one.message for one in gathered.take(10)] == ["0", "1", "2"]
    assert gathered.take(10) == []


def test_too_many_lines_cost_the_oldest(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lines_module, "MAX_GATHERED", 3)
    gathered = GatheredLines()
    for number in range(5):
        gathered.add(line(str(number)))
    taken = gathered.take(10)
    gathered.add(line("new"))
    gathered.put_back(taken)

    assert [one.message for one in gathered.take(10)] == ["3", "4", "new"]


def test_of_many_lines_the_last_are_told_and_how_many_are_not():
    events = events_of([line(str(number)) for number in range(25)] + [line("other", "crate")])
    told = [json.loads(event.data) for event in events]

    of_box = [one for one in told if one["instanceId"] == "box"]
    assert [one["message"] for one in of_box] == [str(number) for number in range(25 - MAX_TOLD, 25)]
    assert [one.get("skipped") for one in of_box] == [25 - MAX_TOLD] + [None] * (MAX_TOLD - 1)
    assert {event.name for event in events} == {"instance:log"}
    assert told[-1].keys() == {"instanceId", "timestamp", "level", "message", "source"}
