"""The line that tells how the turn fares."""

from __future__ import annotations

import io
from typing import cast

import msgspec
import pytest
from rich.console import Console

from actors.connection.status.shape import SessionStatus
from topology.chat.status_line import StatusLine, duration, status_text
from topology.chat.view import View

STATUS: dict[str, object] = {
    "sessionId": "s1",
    "at": "2026-03-01T12:00:00.000Z",
    "connection": {"state": "connected", "protocol": "acp"},
    "turn": {"state": "running", "number": 2, "elapsedMs": 65_000},
    "progress": {
        "completed": 2,
        "total": 5,
        "current": "Write\x1b[2J notes",
        "toolCalls": {"done": 3, "running": 1},
    },
    "estimate": {"remainingMs": 40_000, "lowMs": 20_000, "highMs": 120_000, "basis": 12},
    "usage": {"contextUsed": 12_300, "contextSize": 200_000, "cost": {"amount": 0.25, "currency": "USD"}},
}


def screen(*, is_typed: bool = True) -> tuple[View, StatusLine, io.StringIO]:
    file = io.StringIO()
    view = View(Console(file=file, force_terminal=True, color_system=None, width=200), is_typed=is_typed)
    return view, StatusLine(view), file


def test_everything_that_is_known_is_said() -> None:
    text = status_text(msgspec.convert(STATUS, SessionStatus), 5.0)
    assert text == (
        "1 min 10 s, plan 2/5 Write notes, tools 3/4, about 35 s to go (15 s to 1 min 55 s), "
        "context 12.3k of 200.0k, 0.25 USD"
    )


def test_what_is_not_known_is_left_out_and_an_estimate_that_ran_out_too() -> None:
    bare = {name: STATUS[name] for name in ("sessionId", "at", "connection", "turn", "estimate")}
    assert status_text(msgspec.convert(bare, SessionStatus), 200.0) == "4 min 25 s"


def test_it_stands_in_the_last_line_until_something_is_written() -> None:
    view, line, file = screen()
    line.take(STATUS)
    shown = file.getvalue()
    assert shown.startswith("(1 min 5 s, plan 2/5")
    assert not shown.endswith("\n")
    view.line("hello")
    assert file.getvalue().endswith("\r\x1b[2Khello\n")


def test_it_never_breaks_a_line_that_is_being_written() -> None:
    view, line, file = screen()
    view.prompt(">")
    before = file.getvalue()
    line.take(STATUS)
    assert file.getvalue() == before


def test_a_pipe_is_told_nothing() -> None:
    _, line, file = screen(is_typed=False)
    line.take(STATUS)
    assert file.getvalue() == ""


@pytest.mark.parametrize("turn", [{"state": "idle"}, {"state": "waiting"}, {"state": "new"}, 7])
def test_only_a_running_turn_has_a_line(turn: object) -> None:
    _, line, file = screen()
    line.take(cast("dict[str, object]", {**STATUS, "turn": turn}))
    assert file.getvalue() == ""


def test_a_long_line_is_cut_at_the_terminal_s_width() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=None, width=20)
    View(console, is_typed=True).status("x" * 50)
    assert len(file.getvalue()) == 19


def test_durations_read_as_people_say_them() -> None:
    assert [duration(one) for one in (-3, 0.4, 59, 65, 7500)] == [
        "0 s",
        "0 s",
        "59 s",
        "1 min 5 s",
        "2 h 5 min",
    ]
