"""What one run does, what keeps it from being done, and what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from automation_world import (
    AT,
    SECRET,
    SESSION,
    WITH_ISSUE,
    Outside,
    World,
    ordered,
    settle,
)

from actors import errors
from actors.automation.actor import MOST_RUNS, TRIES
from actors.automation.contract import LeftOut, RepositoryFacts
from actors.automation.messages import Approved, Automate, SessionClosed, SessionLoaded
from actors.automation.order import Wish
from actors.automation.settings import AutomationSettings
from actors.automation.templates import Templates
from actors.automation.words import SkipReason

ON = AutomationSettings(enabled=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.start()
    yield world
    await world.end()


async def test_a_turn_becomes_a_branch_a_commit_and_a_pull_request(world: World):
    summary = await world.run()

    assert summary.status == "success"
    assert summary.commit is not None
    assert summary.pull_request is not None
    assert summary.issue is None
    assert world.outside.branches == {"lumilink/abcdef012345": summary.commit.sha}
    assert summary.pull_request.branch == "lumilink/abcdef012345"
    assert summary.toast_message == "GitHub: 1 file committed, pull request #10."
    assert [line.step for line in summary.logs] == ["commit", "push", "pull-request"]
    assert await world.kinds() == ["requested", "step", "step", "step", "ended"]
    assert world.outside.orders[0].at == AT


async def test_an_issue_is_opened_where_it_is_wanted_and_the_pull_request_closes_it(world: World):
    summary = await world.run(ordered(wish=WITH_ISSUE))

    assert summary.issue is not None
    assert summary.issue.title == "Carts lose items"
    assert "Closes #1" in world.outside.bodies[0]
    assert "- modified: `README.md`" in world.outside.bodies[0]


async def test_a_later_turn_adds_a_commit_to_the_same_pull_request(world: World):
    first = await world.run()
    world.outside.files["cart.py"] = "items = []"
    second = await world.run(ordered(2))

    assert first.commit is not None
    assert second.pull_request == first.pull_request
    assert [order.snapshot.parent for order in world.outside.orders][1] == first.commit.sha
    assert len(world.outside.pull_requests) == 1


async def test_sessions_of_one_workspace_have_branches_of_their_own(world: World):
    await world.run()
    await world.run(ordered(session_id="sess_zz"))

    assert sorted(world.outside.branches) == ["lumilink/abcdef012345", "lumilink/zz"]


async def test_a_turn_that_changed_nothing_costs_one_snapshot(world: World):
    await world.run()
    world.outside.calls.clear()
    summary = await world.run(ordered(2))

    assert summary.skip_reason is SkipReason.NOTHING_CHANGED
    assert world.outside.calls == ["repository", "snapshot"]


async def test_an_issue_alone_may_be_asked_for(world: World):
    world.outside.files = dict(world.outside.base)
    summary = await world.run(ordered(wish=WITH_ISSUE))

    assert (summary.status, summary.commit, summary.pull_request) == ("success", None, None)
    assert summary.issue is not None


async def test_a_branch_that_is_known_to_the_forge_alone_is_gone_on_with(world: World):
    first = await world.run()
    assert first.commit is not None
    forgetful = World(world.outside)
    world.outside.files["cart.py"] = "items = []"
    second = await forgetful.run(ordered(2))

    assert second.pull_request == first.pull_request
    assert world.outside.orders[1].snapshot.parent == first.commit.sha
    await forgetful.end()


SKIPPED: dict[str, tuple[AutomationSettings, Wish, Callable[[Outside], None], SkipReason]] = {
    "the installation is not among those": (
        AutomationSettings(enabled=True, installations=("acme-*",)),
        Wish(is_wanted=True),
        lambda _: None,
        SkipReason.AUTOMATION_DISABLED,
    ),
    "the prompt turned it off": (ON, Wish(is_wanted=False), lambda _: None, SkipReason.AUTOMATION_DISABLED),
    "the repository is denied": (
        AutomationSettings(enabled=True, deny=("ACME/*",)),
        Wish(),
        lambda _: None,
        SkipReason.REPO_BLOCKED,
    ),
    "the repository is not allowed": (
        AutomationSettings(enabled=True, allow=("other/*",)),
        Wish(),
        lambda _: None,
        SkipReason.REPO_BLOCKED,
    ),
    "it is archived": (
        ON,
        Wish(),
        lambda outside: setattr(outside, "facts", RepositoryFacts("main", True, True, True)),
        SkipReason.REPO_BLOCKED,
    ),
    "nobody may push": (
        ON,
        Wish(),
        lambda outside: setattr(outside, "facts", RepositoryFacts("main", False, False, True)),
        SkipReason.REPO_BLOCKED,
    ),
    "there is no credential": (
        ON,
        Wish(),
        lambda outside: outside.faults.update(token=[errors.CredentialMissingError("there is none")]),
        SkipReason.MISSING_CREDENTIAL,
    ),
    "there is no checkout": (
        ON,
        Wish(),
        lambda outside: outside.faults.update(repository=[errors.CheckoutError("it is no directory.")]),
        SkipReason.OTHER,
    ),
    "the limit is used up for long": (
        ON,
        Wish(),
        lambda outside: outside.faults.update(facts=[errors.ForgeLimitError("it is used up", 9999.0)]),
        SkipReason.RATE_LIMITED,
    ),
}


@pytest.mark.parametrize(("settings", "wish", "happens", "reason"), SKIPPED.values(), ids=SKIPPED.keys())
async def test_what_keeps_a_run_from_being_done_is_told(
    settings: AutomationSettings, wish: Wish, happens: Callable[[Outside], None], reason: SkipReason
):
    world = World(settings=settings)
    happens(world.outside)
    summary = await world.run(ordered(wish=wish))

    assert (summary.status, summary.skip_reason) == ("skipped", reason)
    assert summary.toast_message
    assert summary.transcript_note
    assert ".." not in summary.transcript_note
    assert [one.news.kind for one in world.told] == ["automation-skipped"]
    assert world.told[0].news.about["skipReason"] == reason.value
    assert world.outside.branches == {}
    await world.end()


async def test_a_file_that_was_left_out_is_told_of(world: World):
    world.outside.left_out = (LeftOut("film.mp4", "it has 4 GiB"),)
    summary = await world.run()

    assert "left out film.mp4: it has 4 GiB" in summary.logs[0].said


async def test_an_error_of_the_forge_ends_the_run_with_its_code(world: World):
    world.outside.faults["push"] = [errors.PushRefusedError("the branch is protected")]
    summary = await world.run()

    assert summary.error is not None
    assert (summary.status, summary.error.code, summary.error.retryable) == ("error", "push-refused", False)
    assert world.told[0].news.about["code"] == "push-refused"
    assert "lift its protection" in world.told[0].news.note


async def test_a_step_that_fails_in_a_way_nobody_foresaw_ends_its_run_alone(world: World):
    world.outside.faults["commit"] = [RuntimeError(SECRET)]  # type: ignore[list-item] # that is the point
    summary = await world.run()

    assert summary.error is not None
    assert (summary.error.code, SECRET in repr(summary)) == ("internal", False)
    world.outside.files["cart.py"] = "x"
    assert (await world.run(ordered(2))).status == "success"


async def test_a_limit_defers_a_run_until_it_is_reset(world: World):
    world.outside.faults["pull_request"] = [errors.ForgeLimitError("the limit is used up", 3600.0)]
    began = asyncio.get_running_loop().time()
    summary = await world.run(deadline_s=10_000.0)

    assert summary.status == "success"
    assert asyncio.get_running_loop().time() - began >= 3600.0
    assert await world.kinds() == ["requested", "step", "step", "deferred", "step", "ended"]
    assert [one.news.kind for one in world.told] == ["automation-deferred", "automation-done"]
    assert summary.duration_ms >= 3_600_000


async def test_what_one_run_learns_of_a_limit_holds_for_all_of_the_worker(world: World):
    other = World(Outside(), world.settings)
    object.__setattr__(other.hands, "limited", world.hands.limited)
    await other.start()
    world.outside.faults["facts"] = [errors.ForgeLimitError("the limit is used up", 600.0)]
    asked = []
    for one in (world, other):
        asked.append(asyncio.create_task(one.run(deadline_s=10_000.0)))
        await asyncio.sleep(10.0)
    assert "facts" not in other.outside.calls
    await asyncio.wait(asked)

    assert all(one.result().status == "success" for one in asked)
    await other.end()


async def test_a_run_that_is_deferred_goes_on_in_another_process_when_it_is_due():
    first = World()
    await first.start()
    first.outside.faults["facts"] = [errors.ForgeLimitError("the limit is used up", 600.0)]
    first.actor.tell(Automate(ordered()))
    await settle()
    second = await first.die()
    second.now = AT + 100.0
    await second.start()
    await settle()
    assert second.told == []
    await asyncio.sleep(501.0)

    assert [one.news.kind for one in second.told] == ["automation-done"]
    await second.end()


async def test_a_forge_that_is_away_is_tried_again_and_given_up_in_the_end(world: World):
    away = errors.ForgeUnreachableError("it does not answer")
    world.outside.faults["facts"] = [away] * TRIES
    assert (await world.run(deadline_s=100_000.0)).status == "success"

    world.outside.files["cart.py"] = "x"
    world.outside.faults["facts"] = [away] * (TRIES + 1)
    summary = await world.run(ordered(2), 100_000.0)
    assert summary.error is not None
    assert (summary.error.code, summary.error.retryable) == ("forge-unreachable", True)


async def test_runs_of_a_workspace_go_on_one_at_a_time_and_in_order(world: World):
    asked = [asyncio.create_task(world.run(ordered(turn))) for turn in (1, 2, 3)]
    await asyncio.wait(asked)

    assert world.outside.most_at_once == 1
    keys = [str(one["key"]) for one in await world.payloads("requested")]
    assert keys == [f"{SESSION}/turn/{turn}" for turn in (1, 2, 3)]


async def test_more_runs_than_may_wait_are_refused(world: World):
    world.outside.faults["facts"] = [errors.ForgeLimitError("the limit is used up", 3600.0)]
    for turn in range(MOST_RUNS):
        world.actor.tell(Automate(ordered(turn + 1)))
    await settle()

    with pytest.raises(errors.MailboxFullError):
        await world.actor.ask(Automate(ordered(1000)), 1.0)


async def test_runs_of_many_workspaces_share_so_many_places():
    outside = Outside()
    world = World(outside, AutomationSettings(enabled=True, parallel=2))
    others = [World(Outside(), world.settings) for _ in range(5)]
    for other in others:
        other.outside = outside
        object.__setattr__(other.hands, "slots", world.hands.slots)
    for one in (world, *others):
        await one.start()
    asked = [asyncio.create_task(one.run()) for one in (world, *others)]
    await asyncio.wait(asked)

    assert all(one.result().status == "success" for one in asked)
    assert outside.most_at_once <= 2
    for one in (world, *others):
        await one.end()


async def test_people_see_the_changes_before_they_are_pushed():
    world = World(settings=AutomationSettings(enabled=True, approval=True))
    await world.start()
    asked = asyncio.create_task(world.run())
    await settle()
    assert [one.title for one in world.asked] == ["Keep the items of a cart"]
    assert world.asked[0].diff.startswith("+++ ")
    assert world.outside.branches == {}
    world.outside.files["later.txt"] = "what nobody has seen"
    world.actor.tell(Approved(world.asked[0].key, True))
    summary = await asked

    assert summary.status == "success"
    assert summary.commit is not None
    assert "later.txt" not in world.outside.commits[summary.commit.sha]
    assert len(world.asked) == 1
    await world.end()


@pytest.mark.parametrize("how", ["no", "closed", "late"])
async def test_what_people_do_not_approve_is_not_pushed(how: str):
    world = World(settings=AutomationSettings(enabled=True, approval=True, approval_wait_s=60.0))
    await world.start()
    asked = asyncio.create_task(world.run(deadline_s=100.0))
    await settle()
    if how == "no":
        world.actor.tell(Approved(world.asked[0].key, False))
    elif how == "closed":
        world.actor.tell(SessionClosed(SESSION))
    summary = await asked

    assert (summary.status, summary.skip_reason) == ("skipped", SkipReason.OTHER)
    assert "approved" in str(summary.transcript_note)
    assert world.outside.branches == {}
    await world.end()


async def test_while_people_think_about_one_others_may_go_on():
    settings = AutomationSettings(enabled=True, approval=True, parallel=1)
    first = World(settings=settings)
    await first.start()
    waiting = asyncio.create_task(first.run())
    await settle()
    second = World(first.outside, AutomationSettings(enabled=True, parallel=1))
    object.__setattr__(second.hands, "slots", first.hands.slots)

    assert (await second.run(ordered(session_id="sess_other"))).status == "success"
    first.actor.tell(Approved(first.asked[0].key, True))
    assert (await waiting).status == "success"
    await first.end()
    await second.end()


async def test_who_was_asked_and_is_gone_is_asked_again():
    first = World(settings=AutomationSettings(enabled=True, approval=True))
    await first.start()
    first.actor.tell(Automate(ordered()))
    await settle()
    second = await first.die()
    await second.start()
    await settle()
    assert [one.key for one in second.asked] == [first.asked[0].key]
    second.actor.tell(SessionLoaded(SESSION, 0))
    await settle()
    assert len(second.asked) == 2
    second.actor.tell(Approved(second.asked[0].key, True))
    await settle()

    assert [one.news.kind for one in second.told] == ["automation-done"]
    await second.end()


async def test_a_session_that_comes_back_is_told_what_it_missed_and_nothing_else(world: World):
    await world.run()
    await world.run(ordered(2))
    seqs = [one.news.seq for one in world.told]
    world.told.clear()
    world.actor.tell(SessionLoaded(SESSION, seqs[0]))
    world.actor.tell(SessionLoaded("sess_other", 0))
    await settle()

    assert [one.news.seq for one in world.told] == seqs[1:]


async def test_credentials_of_a_session_that_is_over_are_given_back_after_its_last_run(world: World):
    asked = asyncio.create_task(world.run())
    await asyncio.sleep(0)
    world.actor.tell(SessionClosed(SESSION))
    assert (await asked).status == "success"
    await settle()

    assert world.outside.revoked == [SESSION]


async def test_commits_are_signed_off_and_get_trailers_where_that_is_wanted():
    settings = AutomationSettings(
        enabled=True,
        sign_off=True,
        trailers=("Session: $session",),
        author_name="Bot",
        author_email="bot@acme.test",
        templates=Templates(branch="bot/$short", commit="fix: $subject", title="[bot] $subject"),
    )
    world = World(settings=settings)
    summary = await world.run()
    order = world.outside.orders[0]

    assert order.trailers == (f"Session: {SESSION}", "Signed-off-by: Bot <bot@acme.test>")
    assert (order.author_name, order.message) == ("Bot", "fix: Keep the items of a cart")
    assert list(world.outside.branches) == ["bot/abcdef012345"]
    assert summary.status == "success"
    await world.end()


async def test_no_secret_is_in_the_journal_or_in_what_is_told(world: World):
    world.outside.faults["pull_request"] = [errors.ForgeRefusedError(f"bad title {SECRET}")]
    await world.run()
    entries = b"".join(entry.payload for entry in await world.entries())

    assert SECRET.encode() not in entries
    assert SECRET not in repr(world.told)
