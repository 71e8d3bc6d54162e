"""From files to lines and an exit code; and a journal of many sessions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from verify_histories import (
    AGENT,
    SESSION,
    WORKSPACE,
    Step,
    activated,
    ended,
    entries_of,
    prompt,
    record_of_session,
    started,
    update,
)

from actors.journal import NewEntry, StreamAppend
from actors.journal.memory import MemoryJournal
from actors.journal.sqlite import SqliteJournal
from topology.cli import main
from topology.verify.history import verify
from topology.verify.report import MAX_SHOWN
from topology.verify.violations import Rule

A_TURN = [activated(1), started(1, "p-1"), prompt("do"), update("a"), update("b"), ended(1)]


def append(steps: Sequence[Step], stream: str, workspace: str = WORKSPACE) -> StreamAppend:
    entries = [NewEntry(entry.kind, entry.payload, 0) for entry in entries_of(steps)]
    return StreamAppend(stream, workspace, 1, 1, entries, record_of_session())


async def write_journal(path: Path, steps: Sequence[Step]) -> None:
    journal = await SqliteJournal.open(path)
    await journal.acquire(WORKSPACE, "life-1", 10.0)
    await journal.append([append(steps, f"local/{SESSION}")])
    await journal.close()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["verify", *map(str, arguments)])


@pytest.fixture
def right(tmp_path: Path) -> Path:
    """A data directory with a history in which nothing is wrong."""
    asyncio.run(write_journal(tmp_path / "journal.db", A_TURN))
    return tmp_path


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A data directory with a turn that never ended."""
    asyncio.run(write_journal(tmp_path / "journal.db", A_TURN[:-1]))
    return tmp_path


def test_nothing_wrong_is_exit_code_0(right: Path) -> None:
    result = run("--data-dir", right)
    assert result.exit_code == 0
    assert result.output == "1 sessions, 1 turns, 6 entries: nothing is wrong\n"


def test_a_violation_is_a_line_and_exit_code_1(wrong: Path) -> None:
    result = run("--journal", wrong / "journal.db")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == f"{SESSION} 2 turn-not-ended: expected an end of turn 1, found none"
    assert lines[-1] == "1 sessions, 1 turns, 5 entries: 1 violations"


def test_an_open_turn_is_no_violation_while_the_gateway_is_up(wrong: Path) -> None:
    assert run("--data-dir", wrong, "--live").exit_code == 0


def test_json_tells_the_same(wrong: Path) -> None:
    result = run("--data-dir", wrong, "--json")
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert told["counts"] == {"turn-not-ended": 1}
    assert told["total"] == 1
    assert told["violations"][0]["session"] == SESSION


def test_records_are_held_against_the_journal(right: Path) -> None:
    agents, clients = right / "agents.jsonl", right / "clients.jsonl"
    said = {"event": "said", "session": AGENT, "update": {"text": "c", "sessionUpdate": "x"}}
    attached = {"event": "attached", "client": "c", "session": SESSION, "connection": "conn-5", "after": 4}
    received = {"event": "received", "client": "c", "session": SESSION, "seq": 9}
    agents.write_text(json.dumps(said) + "\n")
    clients.write_text("".join(json.dumps(one) + "\n" for one in (attached, received)))

    told = json.loads(run("--data-dir", right, "--agents", agents, "--clients", clients, "--json").output)

    assert told["counts"] == {
        "agent-lost": 1,
        "agent-invented": 2,
        "client-lost": 1,
        "client-invented": 1,
    }


def test_a_line_that_was_not_finished_is_passed_over(right: Path) -> None:
    clients = right / "clients.jsonl"
    clients.write_text('{"event":"received","client":"c"')
    assert run("--data-dir", right, "--clients", clients).exit_code == 0


def test_a_record_that_is_none_is_named_with_its_line(right: Path) -> None:
    clients = right / "clients.jsonl"
    clients.write_text('{"event":"detached","client":"c","session":"s"}\n{"event":1}\n')
    result = run("--data-dir", right, "--clients", clients)
    assert result.exit_code == 2
    assert "clients.jsonl, line 2" in result.output


@pytest.mark.parametrize("arguments", [["--journal", "nowhere.db"], ["--data-dir", "nowhere"]])
def test_a_journal_that_is_not_there_is_not_made(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert "no journal is there" in result.output
    assert list(tmp_path.iterdir()) == []


async def test_all_sessions_of_a_journal_are_verified() -> None:
    journal = MemoryJournal()
    for number in range(1200):
        workspace = f"local/w-{number}"
        await journal.acquire(workspace, "life-1", 10.0)
        await journal.append([append([activated(1)], f"local/s-{number}", workspace)])
    report = await verify(journal)
    assert (report.sessions, report.entries, report.total) == (1200, 1200, 0)


async def test_long_streams_are_read_to_their_end() -> None:
    journal = MemoryJournal()
    await journal.acquire(WORKSPACE, "life-1", 10.0)
    steps = [activated(1), *(update(str(number)) for number in range(1500))]
    await journal.append([append(steps, f"local/{SESSION}")])
    report = await verify(journal)
    assert (report.entries, report.total) == (1501, 0)


async def test_all_violations_are_counted_and_the_first_hundred_shown() -> None:
    journal = MemoryJournal()
    await journal.acquire(WORKSPACE, "life-1", 10.0)
    late = [prompt("late")] * (MAX_SHOWN + 20)
    await journal.append([append([activated(1), *late], f"local/{SESSION}")])
    report = await verify(journal)
    assert report.counts == {Rule.PROMPT_OUTSIDE_TURN: MAX_SHOWN + 20}
    assert len(report.shown) == MAX_SHOWN
    assert "and 20 more" in list(report.lines())
    assert len(msgspec.json.decode(report.json())["violations"]) == MAX_SHOWN


async def test_a_session_without_a_record_is_verified_without_its_agent() -> None:
    journal = MemoryJournal()
    await journal.acquire(WORKSPACE, "life-1", 10.0)
    without = append(A_TURN, f"local/{SESSION}")
    await journal.append([msgspec.structs.replace(without, meta=None)])
    assert (await verify(journal)).total == 0


async def test_the_feeds_of_live_events_are_no_sessions():
    journal = MemoryJournal()
    await journal.append([append(A_TURN, f"local/{SESSION}")])
    feed = "!events/local"
    await journal.append([StreamAppend(feed, feed, 1, 1, [NewEntry("worker:joined", b"{}", 0)], b"{}")])

    report = await verify(journal)

    assert (report.total, report.sessions) == (0, 1)
