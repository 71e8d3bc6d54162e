"""How a thousand automations are counted, and when their promises count as kept."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from loadtests.automating_agent import FILE, edit
from loadtests.automating_figures import Figures, Runs, Streaming, runs_of, stream_faults
from loadtests.automating_forge import Found, HeldPull, HeldRepository, counted
from loadtests.automating_session import AutomatedSession
from loadtests.client_session import ClientSession
from loadtests.wire import Frame, Orders, RpcError, RpcErrorData

RUNS = Runs(
    sessions=3,
    outcomes=Counter({"success": 3}),
    refused=Counter(),
    pending=0,
    doubled=0,
    waited=1,
    deferrals=1,
    prompted_in_s=60.0,
    took_s=90.0,
    each_s=[1.0, 2.0, 30.0],
)
FOUND = Found(branches=3, commits=3, changes=3, pulls=3, heads=3, calls=12, limited=8)
BEFORE = Streaming(100, 3000, 1.0, 10.0, 20.0)
KEPT = Figures(RUNS, FOUND, BEFORE, BEFORE, replace(BEFORE, p99_ms=10.9), stream_faults=0, parallel=4)


class ScriptedSession(AutomatedSession):
    """A session whose prompts are answered with ``answers``; notices are handed to ``hear``."""

    def __init__(self, *answers: Frame) -> None:
        super().__init__()
        self.answers = list(answers)

    def prompt(self, orders: Orders) -> asyncio.Future[Frame]:
        answered = asyncio.get_running_loop().create_future()
        answered.set_result(self.answers.pop(0))
        return answered

    def hear(self, kind: str, summary_id: str, **more: str) -> None:
        told = {"entry": "automation", "kind": kind, "summaryId": summary_id, **more}
        self._answer(Frame(method="_lumilink/notice", params=raw(told)))


def raw(told: Mapping[str, object]) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(told))


def answer(**told: object) -> Frame:
    return Frame(id=1, result=raw({"stopReason": "end_turn", "_meta": {"lumilink": {"automation": told}}}))


async def test_an_answer_and_the_notice_of_the_same_summary_are_one_end() -> None:
    session = ScriptedSession(answer(status="success", summaryId="s1"))
    session.hear("automation-done", "s1", status="success")
    await session.turn()
    assert session.outcomes == {"s1": "success"}
    runs = runs_of([session], 0.0)
    assert (runs.done, runs.doubled, runs.pending) == (1, 0, 0)


async def test_a_run_that_goes_on_ends_with_its_notice() -> None:
    session = ScriptedSession(answer(status="pending", runId="s1"))
    turn = asyncio.ensure_future(session.turn())
    await asyncio.sleep(0)
    session.hear("automation-deferred", "")
    assert runs_of([session], 0.0).pending == 1
    session.hear("automation-done", "s1", status="success")
    await asyncio.wait_for(turn, 1.0)
    runs = runs_of([session], 0.0)
    assert (runs.done, runs.waited, runs.deferrals, runs.pending) == (1, 1, 1, 0)


async def test_two_ends_of_one_run_and_two_runs_of_one_turn_are_doubled() -> None:
    twice = ScriptedSession(answer(status="success", summaryId="s1"))
    other = ScriptedSession(answer(status="success", summaryId="s1"))
    for session, summary_id in ((twice, "s1"), (other, "s2")):
        await session.turn()
        session.hear("automation-done", "s1", status="success")
        session.hear("automation-done", summary_id, status="success")
    assert runs_of([twice], 0.0).doubled == 1
    assert runs_of([other], 0.0).doubled == 1
    assert runs_of([other], 0.0).done == 0


async def test_skips_and_failures_are_counted_with_their_reasons() -> None:
    skipped = ScriptedSession(answer(status="skipped", summaryId="s1", skipReason="rate-limited"))
    failed = ScriptedSession(answer(status="error", summaryId="s2", error={"code": "forge-unreachable"}))
    for session in (skipped, failed):
        await session.turn()
    assert runs_of([skipped, failed], 0.0).outcomes == {
        "skipped, rate-limited": 1,
        "error, forge-unreachable": 1,
    }


async def test_a_refused_prompt_is_neither_pending_nor_done() -> None:
    session = ScriptedSession(Frame(id=1, error=RpcError(-32000, "no", RpcErrorData(retryable=False))))
    await session.turn()
    runs = runs_of([session], 0.0)
    assert (runs.refused, runs.pending, runs.done) == ({"no": 1}, 0, 0)


async def test_sessions_that_never_had_their_turn_are_pending() -> None:
    assert runs_of([ScriptedSession()], 0.0).pending == 1


def test_what_was_made_twice_shows_in_the_counts() -> None:
    pulls = [HeldPull("lumilink/a"), HeldPull("lumilink/a")]
    repository = HeldRepository({"main": "0", "lumilink/a": "2"}, pulls)
    calls = ["GET /repos/acme/app", "POST /acme/app.git/git-receive-pack"]
    found = counted({"acme/app": repository}, ["acme/app tree", "acme/app tree"], calls, 0)
    assert found == Found(branches=1, commits=2, changes=1, pulls=2, heads=1, calls=1)


def test_branches_of_the_same_name_in_two_repositories_are_two() -> None:
    one = HeldRepository({"main": "0", "lumilink/a": "1"}, [HeldPull("lumilink/a")])
    found = counted({"acme/a": one, "acme/b": one}, ["acme/a tree", "acme/b tree"], [], 0)
    assert found == Found(branches=2, commits=2, changes=2, pulls=2, heads=2)


def test_nothing_is_missed_where_each_was_done_once_within_the_limits() -> None:
    assert KEPT.misses(is_quiet=True) == []


@pytest.mark.parametrize(
    "broken",
    [
        replace(KEPT, runs=replace(RUNS, pending=1, outcomes=Counter({"success": 2}))),
        replace(KEPT, runs=replace(RUNS, doubled=1)),
        replace(KEPT, found=replace(FOUND, branches=2)),
        replace(KEPT, found=replace(FOUND, commits=4)),
        replace(KEPT, found=replace(FOUND, changes=2)),
        replace(KEPT, found=replace(FOUND, pulls=4)),
        replace(KEPT, found=replace(FOUND, heads=2)),
        replace(KEPT, found=replace(FOUND, limited=9)),
        replace(KEPT, stream_faults=1),
    ],
)
def test_each_broken_promise_is_missed(broken: Figures) -> None:
    assert broken.misses(is_quiet=False)


def test_slower_streams_are_missed_only_on_a_machine_that_does_nothing_else() -> None:
    slow = replace(KEPT, during=replace(BEFORE, p99_ms=11.1))
    assert slow.misses(is_quiet=False) == []
    assert slow.misses(is_quiet=True) == ["p99 of streaming is 1.11 times of that before, not 1.1"]
    unseen = replace(KEPT, before=replace(BEFORE, p99_ms=None))
    assert unseen.misses(is_quiet=True) == ["p99 of streaming is - of that before, not 1.1"]


def test_a_limit_may_refuse_what_is_under_way_once_a_minute() -> None:
    assert KEPT.most_refused == 2 * 4
    assert replace(KEPT, runs=replace(RUNS, took_s=59.0)).most_refused == 4


def test_the_text_has_the_counts_and_leaves_out_what_was_not_measured() -> None:
    text = replace(KEPT, before=replace(BEFORE, p50_ms=None)).text()
    assert "3 done of 3, 0 pending, 0 told twice" in text
    assert "8 refused by a limit (at most 8 may be)" in text
    assert "p50 -, p99 10.0 ms" in text


def test_a_streamed_update_that_is_lost_or_doubled_is_a_fault() -> None:
    stream = ClientSession()
    for number in (0, 1, 3, 3):
        stream.sequence.see(number)
    assert stream_faults([stream]) == 2


def test_every_turn_leaves_another_file_and_no_two_folders_have_the_same(tmp_path: Path) -> None:
    one, other = tmp_path / "session-1", tmp_path / "session-2"
    held = []
    for folder in (one, one, other):
        folder.mkdir(exist_ok=True)
        edit(folder)
        held.append((folder / FILE).read_text())
    assert len(set(held)) == 3
