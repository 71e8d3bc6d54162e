"""What the forge tells of pull requests: once, in any order, and only of those that are from here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from automation_world import SESSION, World, ordered, settle

from actors.automation.left_open import look_after, workspaces_with
from actors.automation.messages import PullRequestNews

MERGED = PullRequestNews("d-1", "Acme/Shop", 10, "merged", "2026-03-01T12:00:05Z", "mona")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.run()
    world.told.clear()
    yield world
    await world.end()


async def hear(world: World, news: PullRequestNews) -> object:
    return await world.actor.ask(news, 1.0)


async def test_a_merge_is_told_to_the_session_and_changes_its_summary(world: World):
    assert await hear(world, MERGED) is True
    [payload] = await world.payloads("pull-request")

    [summary] = payload["summaries"]  # type: ignore[misc] # a list
    assert summary["pullRequest"]["state"] == "merged"
    assert (payload["state"], payload["sessionIds"]) == ("merged", [SESSION])
    assert [one.news.toast for one in world.told] == ["Pull request #10 was merged."]
    assert world.told[0].news.note == "Pull request #10 was merged by mona."
    assert world.told[0].news.summary_id == summary["summaryId"]


async def test_a_delivery_that_comes_twice_is_taken_once_also_by_the_next_process(world: World):
    assert await hear(world, MERGED) is True
    assert await hear(world, MERGED) is False
    second = await world.die()
    await second.start()

    assert await hear(second, MERGED) is False
    assert second.told == []
    await second.end()


async def test_what_comes_late_changes_nothing(world: World):
    await hear(world, MERGED)
    late = replace(MERGED, delivery="d-0", state="open", at="2026-03-01T12:00:01Z")

    assert await hear(world, late) is False
    assert len(await world.payloads("pull-request")) == 1


async def test_a_review_that_is_asked_for_leaves_the_state_as_it_is(world: World):
    assert await hear(world, replace(MERGED, state="review-requested")) is True
    [payload] = await world.payloads("pull-request")

    assert payload["summaries"][0]["pullRequest"]["state"] == "open"  # type: ignore[index] # a list
    assert world.told[0].news.toast == "A review of pull request #10 was asked for."


@pytest.mark.parametrize("other", [{"number": 11}, {"repository": "acme/other"}])
async def test_what_is_about_another_pull_request_is_nothing_new(world: World, other: dict[str, object]):
    assert await hear(world, replace(MERGED, **other)) is False  # type: ignore[arg-type] # its members
    assert world.told == []


async def test_the_workspaces_that_have_a_pull_request_are_found_in_the_journal(world: World):
    assert await workspaces_with(world.journal, "acme/SHOP", 10) == [("inst", "ws")]
    assert await workspaces_with(world.journal, "acme/shop", 11) == []


async def test_what_is_left_open_is_looked_after_at_first_and_when_it_is_overdue():
    import asyncio

    from actors import errors
    from actors.automation.messages import Automate

    world = World()
    world.outside.faults["facts"] = [errors.ForgeLimitError("the limit is used up", 600.0)]
    await world.start()
    world.actor.tell(Automate(ordered()))
    await settle()
    found: list[float] = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    looking = asyncio.create_task(
        look_after(
            world.journal,
            lambda *_: found.append(loop.time() - began),
            lambda: world.now + loop.time() - began,
            lambda: 0.0,
        )
    )
    await settle()
    assert found == [0.0]
    await world.system.stop(0.1)
    await asyncio.sleep(700.0)
    assert len(found) == 1
    await asyncio.sleep(100.0)
    assert found[1] >= 720.0
    looking.cancel()
    await asyncio.wait([looking])
