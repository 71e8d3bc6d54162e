"""How far the records are behind a busy journal: ``python -m loadtests.projection``.

This process writes a journal as a worker does, through a group writer into an SQLite file: 1,000 sessions
with 10 entries a second each, most of them chunks of text, with turns, tool calls and notices between. The
projector is a second process, with records in another SQLite file. It is told every 250 ms which streams have
changed, as by a worker. Printed are the lags, from the moment an entry carries to the commit of its record,
of every entry; and the CPU of both processes.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import msgspec
import psutil

from actors.connection.carriage import Carriage
from actors.connection.events import Event, EventKind, to_entry
from actors.connection.record import SessionRecord, encode
from actors.events.contract import LiveEvent
from actors.journal import Appended, AppendResult, GroupWriter, NewEntry, StreamAppend
from actors.journal.sqlite import SqliteJournal
from actors.projector.changed import ChangedStreams
from actors.projector.figures import Lags
from actors.projector.projector import Projector
from actors.records import RecordStore, kinds, migrate
from loadtests.machine import describe_machine

LAG_GOAL_S: Final = 5.0
TELL_EVERY_S: Final = 0.25
GUST_S: Final = 0.02
INSTALLATIONS: Final = 10
LONGEST_CATCH_UP_S: Final = 120.0
_LINE_BYTES: Final = 1 << 24

TURN: Final = 60
"""Entries from one prompt to the next."""


def _update(session_id: str, seq: int, update: Mapping[str, object]) -> bytes:
    params = {"sessionId": session_id, "_meta": {"lumilink": {"seq": seq}}, "update": update}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "session/update", "params": params})


def _chunk(kind: str, text: str) -> dict[str, object]:
    return {"sessionUpdate": kind, "content": {"type": "text", "text": text}}


def _note(params: Mapping[str, object], method: str) -> bytes:
    return msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params})


@dataclass(eq=False)
class Conversation:
    """One session, and an ``AppendSource`` of what happens in it."""

    number: int
    waiting: list[NewEntry] = field(default_factory=list)
    next_seq: int = 1
    said: int = 0
    committed: int = 0

    def __post_init__(self) -> None:
        self.session_id = f"sess_{self.number:032x}"
        self.installation = f"tenant-{self.number % INSTALLATIONS}"
        self.stream = f"{self.installation}/{self.session_id}"
        self.workspace = f"{self.installation}/w{self.number:04d}"
        self.is_new = True

    def say(self, at: int) -> int:
        """The next entry happens; returns its size."""
        kind, message = self._next()
        self.said += 1
        entry = to_entry(Event(0, kind, message), at)
        self.waiting.append(entry)
        return len(entry.payload)

    def _next(self) -> tuple[EventKind, bytes]:
        turn, place = divmod(self.said, TURN)
        seq, who = self.said + 1, self.session_id
        if self.said == 0:
            return EventKind.ACTIVATED, b'{"worker":"w","fence":1}'
        if self.said == 1:
            told = {"connectionId": f"conn_{who}", "containerId": f"box-{self.number}", "from": "connecting"}
            told |= {"to": "connected", "protocol": "acp", "protocolVersion": "1.0.0"}
            return EventKind.CONNECTION, msgspec.json.encode(told)
        if place == 2:
            return EventKind.TURN_STARTED, b'{"turn":%d,"promptId":null,"client":"c"}' % (turn + 1)
        if place == 3:
            return EventKind.PROMPT, _update(who, seq, _chunk("user_message_chunk", "Please fix the tests."))
        if place in (20, 21, 40, 41):
            call = {"sessionUpdate": "tool_call_update", "toolCallId": f"t{turn}-{place // 20}"}
            return EventKind.UPDATE, _update(who, seq, call | {"status": "completed", "title": "Read a file"})
        if place == 50 and turn % 10 == self.number % 10:
            params = {
                "sessionId": who,
                "kind": "agent-degraded",
                "severity": "warning",
                "toast": "It is slow.",
            }
            return EventKind.NOTICE, _note(params, "_lumilink/notice")
        if place == TURN - 1:
            ended = b'{"turn":%d,"outcome":"completed","answer":{"result":{"stopReason":"end_turn"}}}'
            return EventKind.TURN_ENDED, ended % (turn + 1)
        return EventKind.UPDATE, _update(who, seq, _chunk("agent_message_chunk", "some more words of it "))

    def take(self) -> StreamAppend:
        """See ``AppendSource``."""
        taken, self.waiting = self.waiting, []
        first, self.next_seq = self.next_seq, self.next_seq + len(taken)
        meta = self._record() if self.is_new else None
        self.is_new = False
        return StreamAppend(self.stream, self.workspace, 1, first, taken, meta)

    def _record(self) -> bytes:
        return encode(
            SessionRecord(
                self.installation,
                self.workspace.partition("/")[2],
                self.session_id,
                agent_id="a",
                cwd="/w",
                setup=b"{}",
                initialize=b"{}",
                sealed=b"",
                title="Fix the tests",
                updated_at="2026-01-01T00:00:00.000Z",
                carriage=Carriage(f"conn_{self.session_id}", f"box-{self.number}"),
            )
        )

    def told(self, result: AppendResult) -> None:
        """See ``AppendSource``."""
        if not isinstance(result, Appended):
            raise RuntimeError("an append was refused")
        self.committed = result.last_seq


class _Noted(ChangedStreams):
    """Measures what noting costs."""

    spent_s = 0.0

    def note(self, results: Sequence[AppendResult]) -> None:
        began = time.perf_counter()
        super().note(results)
        self.spent_s += time.perf_counter() - began


class Report(msgspec.Struct):
    """What the projector's process tells of itself at its end."""

    entries: int
    lag_p50_s: float
    lag_p95_s: float
    lag_max_s: float
    cpu_s: float
    set_aside: int
    live_events: int


async def write(folder: Path, sessions: int, per_s: int, seconds: float) -> None:
    """The worker's part: the load, and what it costs to note it."""
    journal = await SqliteJournal.open(folder / "journal.db")
    changed = _Noted()
    writer = GroupWriter(journal, on_committed=changed.note)
    conversations = [Conversation(number) for number in range(sessions)]
    for one in conversations:
        await journal.acquire(one.workspace, "bench", 3600.0)
    projector = await _start_projector(folder)
    assert projector.stdin is not None
    gc.collect()
    gc.freeze()
    telling = asyncio.create_task(_tell(changed, projector.stdin))
    turns = itertools.cycle(conversations)
    began, written = time.perf_counter(), 0
    cpu = time.process_time()
    projector_cpu = _cpu_s(projector.pid)
    while (now := time.perf_counter() - began) < seconds:
        at = time.time_ns() // 1_000_000
        while written < now * per_s:
            one = next(turns)
            writer.add(one, one.say(at))
            written += 1
        await asyncio.sleep(GUST_S)
    took = time.perf_counter() - began
    cpu = time.process_time() - cpu
    projector_cpu = _cpu_s(projector.pid) - projector_cpu
    if await writer.close(30.0):
        raise RuntimeError("not all entries were committed")
    telling.cancel()
    report = await _end_projector(projector, changed, written)
    print(f"entries: {written} in {took:.1f} s ({written / took:,.0f}/s), {sessions} sessions")
    print(
        f"lag p50: {report.lag_p50_s:.2f} s, p95: {report.lag_p95_s:.2f} s, longest: {report.lag_max_s:.2f} s"
    )
    print(f"projector: {projector_cpu / took:.0%} of a core while they were written")
    print(f"projector: {report.cpu_s / written * 1e6:.1f} us of CPU an entry, to the last one")
    print(f"writer: {cpu / took:.0%} of a core; noting: {changed.spent_s / written * 1e6:.3f} us an entry")
    print(f"set aside: {report.set_aside}; live events: {report.live_events}")
    await _count(folder, report, written)
    await journal.close()
    verdict = "kept" if report.lag_p95_s <= LAG_GOAL_S else "MISSED"
    print(f"goal: p95 of at most {LAG_GOAL_S:g} s: {verdict}")


async def _tell(changed: ChangedStreams, to: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        if streams := changed.take():
            to.write(msgspec.json.encode(streams) + b"\n")
            await to.drain()


async def _start_projector(folder: Path) -> asyncio.subprocess.Process:
    await migrate(_records_url(folder))
    program = (sys.executable, "-m", "loadtests.projection", "--projector", str(folder))
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe, limit=_LINE_BYTES)
    assert process.stdout is not None
    async with asyncio.timeout(30.0):
        await process.stdout.readline()
    return process


async def _end_projector(
    process: asyncio.subprocess.Process, changed: ChangedStreams, written: int
) -> Report:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(changed.take()) + b"\n%d\n" % written)
    async with asyncio.timeout(LONGEST_CATCH_UP_S):
        line = await process.stdout.readline()
        await process.wait()
    return msgspec.json.decode(line, type=Report)


async def _count(folder: Path, report: Report, written: int) -> None:
    store = await RecordStore.open(_records_url(folder))
    found = sum([len((await store.page(f"tenant-{n}", kinds.SESSIONS)).items) for n in range(INSTALLATIONS)])
    await store.close()
    print(f"recorded: {report.entries} of {written} entries; sessions on first pages: {found}")


async def project(folder: Path) -> None:
    """The projector's part, until it is told how many entries there were and has come to the last."""
    journal = await SqliteJournal.open(folder / "journal.db")
    store = await RecordStore.open(_records_url(folder))
    told = 0

    async def post(events: Sequence[LiveEvent]) -> None:
        nonlocal told
        told += len(events)

    projector = Projector(journal, store, post, lags=Lags(3600.0))
    reader = asyncio.StreamReader(_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    print("ready", flush=True)
    running, cpu = asyncio.create_task(projector.run()), time.process_time()
    written = 0
    while not written:
        heard = msgspec.json.decode(await reader.readline())
        if isinstance(heard, int):
            written = heard
        else:
            projector.changed(heard)
    until = time.monotonic() + LONGEST_CATCH_UP_S / 2
    while projector.figures().entries < written and time.monotonic() < until:  # noqa: ASYNC110 - it has none
        await asyncio.sleep(0.1)
    figures = projector.figures()
    running.cancel()
    await asyncio.wait([running])
    report = Report(
        figures.entries,
        figures.lag_p50_s,
        figures.lag_p95_s,
        figures.lag_max_s,
        time.process_time() - cpu,
        figures.set_aside,
        told,
    )
    print(msgspec.json.encode(report).decode(), flush=True)
    await store.close()
    await journal.close()


def _records_url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder / 'records.db'}"


def _cpu_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@click.command()
@click.option("--sessions", default=1_000, show_default=True)
@click.option("--per-s", default=10_000, show_default=True, help="Entries a second, of all sessions.")
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, exists=True), help="Where the files are made.")
@click.option("--projector", type=click.Path(path_type=Path), hidden=True)
def main(sessions: int, per_s: int, seconds: float, folder: Path | None, projector: Path | None) -> None:
    """Measure the lag of the records behind a busy journal."""
    if projector is not None:
        asyncio.run(project(projector))
        return
    for key, value in describe_machine().items():
        print(f"{key}: {value}")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        asyncio.run(write(Path(made), sessions, per_s, seconds))


if __name__ == "__main__":
    main()
