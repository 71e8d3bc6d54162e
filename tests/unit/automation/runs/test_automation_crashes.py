"""The process ends after any single call: another one goes on, and nothing is there twice."""

from __future__ import annotations

import pytest
from automation_world import SESSION, WITH_ISSUE, Outside, World, ordered, settle

CALLS = [
    "repository",
    "snapshot",
    "token",
    "facts",
    "branch",
    "commit",
    "push",
    "issue",
    "pull_request",
]


async def test_these_are_all_the_calls_of_a_run():
    world = World()
    await world.run(ordered(wish=WITH_ISSUE))

    assert world.outside.calls == CALLS
    await world.end()


@pytest.mark.parametrize("number", range(1, len(CALLS) + 1), ids=lambda number: f"after-{CALLS[number - 1]}")
async def test_a_run_that_is_cut_off_is_gone_on_with_and_makes_nothing_twice(number: int):
    whole = World()
    expected = await whole.run(ordered(wish=WITH_ISSUE))
    await whole.end()
    outside = Outside(die_after=number)
    first = World(outside)
    await first.start()
    first.actor.tell(_asking())
    await settle()
    assert outside.has_died
    second = await first.die()
    summary = await second.run(ordered(wish=WITH_ISSUE))

    assert (summary.status, summary.commit, summary.issue, summary.pull_request) == (
        "success",
        expected.commit,
        expected.issue,
        expected.pull_request,
    )
    assert summary.summary_id == expected.summary_id
    assert len(outside.issues) == len(outside.pull_requests) == 1
    assert list(outside.branches.values()) == [expected.commit.sha if expected.commit else ""]
    assert (await second.kinds()).count("ended") == (await second.kinds()).count("requested") == 1
    await second.end()


@pytest.mark.parametrize("number", range(1, len(CALLS) + 1), ids=lambda number: f"after-{CALLS[number - 1]}")
async def test_the_next_process_goes_on_without_being_asked(number: int):
    outside = Outside(die_after=number)
    first = World(outside)
    await first.start()
    first.actor.tell(_asking())
    await settle()
    second = await first.die()
    await second.start()
    await settle()

    assert [news.news.kind for news in second.told] == ["automation-done"]
    assert second.told[0].session_id == SESSION
    await second.end()


async def test_a_run_that_had_ended_is_not_carried_out_again():
    first = World()
    before = await first.run()
    calls = len(first.outside.calls)
    second = await first.die()

    assert await second.run() == before
    assert len(second.outside.calls) == calls
    await second.end()


def _asking() -> object:
    from actors.automation.messages import Automate

    return Automate(ordered(wish=WITH_ISSUE))
