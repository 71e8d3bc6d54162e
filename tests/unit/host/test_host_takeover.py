"""Sessions that no worker, another worker, or two workers have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from support.counted import counted
from worker_world import CAPACITY, EchoAgent, SharedJournal, Worker, settle

from actors import errors
from actors.capacity.roll import Owner
from actors.link.endpoint import LinkAddress
from actors.metrics.catalogue import TAKEN_UP
from actors.placement.leases import LEASE_S, RENEW_EVERY_S

LOAD = "session/load"
ATTACH = "_lumilink/session/attach"
WorkerOf = Callable[..., Awaitable[Worker]]


def streams_of(worker: Worker) -> int:
    return len(worker.host._streams)


@pytest.fixture
async def started(journal: SharedJournal, agents: list[EchoAgent]) -> AsyncIterator[WorkerOf]:
    """Makes workers on one journal; those that still run at the end are stopped."""
    workers: list[Worker] = []

    async def start(worker_id: str = "w1", gateway: str = "gateway") -> Worker:
        workers.append(await Worker(worker_id, gateway).start())
        return workers[-1]

    yield start
    for worker in workers:
        await worker.end()


async def conversation(worker: Worker, session_id: str = "ses_1", stream: int = 1, tenant: str = "a") -> None:
    """A session with one turn in it, and its view on ``stream`` of the first replica."""
    await worker.one.open(stream, session_id, tenant=tenant)
    await worker.one.say(stream, "session/prompt", session_id, prompt=[{"type": "text", "text": "hello"}])
    assert worker.one.on(stream) == ["answer", "echo", "answer"]


async def test_a_session_that_only_the_journal_has_is_taken_up(started: WorkerOf):
    first = await started("w1")
    await conversation(first)
    await first.host.stop()
    second = await started("w2")
    assert [(row["session_id"], row["loaded"]) for row in await second.list()] == [("ses_1", False)]
    await second.one.open(1, "ses_1", LOAD)
    await second.one.say(1, "session/prompt", "ses_1", prompt=[])

    assert second.one.on(1)[:3] == ["hello", "echo", "answer"]
    assert second.one.on(1)[-2:] == ["echo", "answer"]
    assert second.host.sessions() == ["ses_1"]
    assert [(row["session_id"], row["loaded"]) for row in await second.list()] == [("ses_1", True)]


async def test_a_client_that_missed_little_is_shown_it_with_one_look_into_the_journal(
    started: WorkerOf, journal: SharedJournal
):
    first = await started("w1")
    await conversation(first)
    await first.host.stop()
    second = await started("w2")
    read_before = journal.pages
    await second.one.open(1, "ses_1", ATTACH, after_seq=1)

    assert second.one.on(1) == ["hello", "echo", "answer"]
    # The store counts the look for the newest events as a page; the past is read back for nobody.
    assert journal.pages == read_before + 1


async def test_all_who_ask_for_a_session_meanwhile_wait_for_one_taking_up(
    started: WorkerOf, agents: list[EchoAgent]
):
    first = await started("w1")
    await conversation(first)
    await first.host.stop()
    second = await started("w2")
    for stream in (1, 2):
        second.one.begin_open(stream, "ses_1", LOAD)
        second.two.begin_open(stream, "ses_1", "session/resume")
    await settle()

    assert second.one.on(1) == second.one.on(2) == ["hello", "echo", "answer"]
    assert second.two.on(1) == second.two.on(2) == ["answer"]
    assert [row["attachments"] for row in await second.list()] == [4]


async def test_a_session_that_was_unloaded_is_taken_up_by_the_same_worker(started: WorkerOf):
    worker = await started()
    await conversation(worker)
    await worker.one.close(1)
    await asyncio.sleep(worker.settings.connection.detached_ttl_s + 120.0)
    assert worker.host.sessions() == []
    await worker.one.open(2, "ses_1", LOAD)

    assert worker.one.on(2) == ["hello", "echo", "answer"]


@pytest.mark.parametrize("method", [LOAD, "session/resume", "_lumilink/session/attach"])
async def test_another_tenants_session_is_not_taken_up(started: WorkerOf, method: str):
    first = await started("w1")
    await conversation(first, tenant="a")
    await first.host.stop()
    second = await started("w2")
    await second.one.open(1, "ses_1", method, tenant="b")

    assert second.one.on(1) == ["close session-not-found"]
    assert second.host.sessions() == []
    assert streams_of(second) == 0


async def test_whoever_asks_for_another_tenants_session_does_not_keep_its_owner_from_it(started: WorkerOf):
    first = await started("w1")
    await conversation(first, tenant="a")
    await first.host.stop()
    second = await started("w2")
    second.two.begin_open(1, "ses_1", LOAD, tenant="b")
    await second.one.open(1, "ses_1", LOAD, tenant="a")
    await second.one.open(2, "ses_1", LOAD, tenant="a")

    assert second.two.on(1) == ["close session-not-found"]
    assert second.one.on(1) == ["close session-moved"]
    assert second.one.on(2) == ["hello", "echo", "answer"]


async def test_a_session_that_was_closed_is_not_taken_up(started: WorkerOf):
    worker = await started()
    await conversation(worker)
    await worker.one.say(1, "session/close", "ses_1", 9)
    await worker.one.open(2, "ses_1", LOAD)

    assert worker.one.on(2) == ["close session-not-found"]
    assert await worker.list() == []


async def test_a_full_worker_takes_up_nothing(started: WorkerOf):
    first = await started("w1")
    await conversation(first)
    await first.host.stop()
    second = await started("w2")
    for number in range(CAPACITY):
        await second.one.open(number, f"ses_{10 + number}", workspace="other")
    await second.one.open(9, "ses_1", LOAD)

    assert second.one.on(9) == ["close capacity-exhausted"]
    assert len(second.host.sessions()) == CAPACITY


async def test_a_journal_that_is_away_leaves_no_place_taken(
    started: WorkerOf, journal: SharedJournal, monkeypatch: pytest.MonkeyPatch
):
    async def fail(*_: object) -> None:
        raise errors.JournalUnavailableError("away")

    first = await started("w1")
    await conversation(first)
    await first.host.stop()
    second = await started("w2")
    for method in ("head", "acquire"):
        with monkeypatch.context() as patch:
            patch.setattr(journal, method, fail)
            await second.one.open(1, "ses_1", LOAD)
        assert second.one.on(1) == ["close journal-unavailable"]
        assert second.host.sessions() == []
        second.one.sent.clear()
    await second.one.open(1, "ses_1", LOAD)

    assert second.one.on(1) == ["hello", "echo", "answer"]


# ---------------------------------------------------------------------- two workers


async def test_who_asks_the_wrong_worker_is_told_whose_the_session_is(started: WorkerOf):
    first, second = await started("w1"), await started("w2")
    second.host.address = LinkAddress("127.0.0.1", 7002)
    await conversation(first)
    await second.one.open(1, "ses_1", LOAD)
    await second.one.open(2, "ses_9", workspace="ws")

    assert second.one.on(1) == second.one.on(2) == [f"moved to {first.life}"]
    assert second.host.sessions() == []
    assert streams_of(second) == 0, "the view goes on elsewhere, and nothing of it stays here"
    await first.one.say(1, "session/prompt", "ses_1", prompt=[])
    assert first.one.on(1)[-2:] == ["echo", "answer"], "the first one notices nothing"


async def test_two_workers_that_both_believe_they_hold_the_same_workspace(
    started: WorkerOf, agents: list[EchoAgent]
):
    """The first is believed dead, and is not: what it says from then on is refused, and nobody sees it."""
    first, second = await started("w1"), await started("w2")
    await conversation(first)
    await first.two.open(1, "ses_1", LOAD)
    await second.one.open(1, "ses_1", LOAD, dead=first.life)
    assert second.one.on(1)[:3] == ["hello", "echo", "answer"]
    first.one.sent.clear()
    first.two.sent.clear()
    agents[0].update("from the grave")
    await settle()

    assert first.one.on(1) == first.two.on(1) == ["close session-moved"]
    assert first.host.sessions() == []
    assert streams_of(first) == 0
    assert agents[0].closed
    await second.one.say(1, "session/prompt", "ses_1", prompt=[])
    assert second.one.on(1)[-2:] == ["echo", "answer"]
    assert "from the grave" not in second.one.on(1)
    later = second.two
    await later.open(1, "ses_1", LOAD)
    assert [word for word in later.on(1) if word != "answer"] == ["hello", "echo", "echo"]


async def test_a_prompt_for_the_worker_that_lost_the_workspace_reaches_no_agent(
    started: WorkerOf, agents: list[EchoAgent]
):
    first, second = await started("w1"), await started("w2")
    await conversation(first)
    await second.one.open(1, "ses_1", LOAD, dead=first.life)
    heard = len(agents[0].heard)
    await first.one.say(1, "session/prompt", "ses_1", prompt=[])

    assert "session/prompt" not in agents[0].heard[heard:]
    assert first.one.on(1)[-1] == "close session-moved"


async def test_all_views_of_a_workspace_that_was_lost_are_sent_where_it_is(
    started: WorkerOf, agents: list[EchoAgent]
):
    first, second = await started("w1"), await started("w2")
    await conversation(first)
    await first.two.open(1, "ses_2")
    await second.one.open(1, "ses_1", LOAD, dead=first.life)
    agents[0].update("refused")
    await settle()

    assert first.one.on(1)[-1] == "close session-moved"
    assert first.two.on(1)[-1] == "close session-moved", "its worker is not stopping, the workspace moved"
    assert first.host.sessions() == []


async def test_a_worker_that_lost_a_workspace_learns_it_from_its_next_renewal(started: WorkerOf):
    first, second = await started("w1"), await started("w2")
    await conversation(first)
    await second.one.open(1, "ses_1", LOAD, dead=first.life)
    await asyncio.sleep(RENEW_EVERY_S + 1.0)

    assert first.one.on(1)[-1] == "close session-moved"
    assert first.host.sessions() == []


async def test_a_workspace_stays_with_its_worker_for_as_long_as_that_lives(started: WorkerOf):
    first, second = await started("w1"), await started("w2")
    await conversation(first)
    await asyncio.sleep(4 * LEASE_S)
    await second.one.open(1, "ses_1", LOAD)

    assert second.one.on(1) == [f"moved to {first.life}"]


async def test_the_next_life_of_a_worker_takes_over_from_the_one_before(started: WorkerOf):
    first = await started("w1")
    await conversation(first)
    reborn = await started("w1")
    assert reborn.life != first.life
    await reborn.one.open(2, "ses_1", LOAD)

    assert reborn.one.on(2)[:3] == ["hello", "echo", "answer"]


async def test_the_next_life_of_the_gateway_takes_over_from_the_one_before(started: WorkerOf):
    first = await started("w1", gateway="before")
    await conversation(first)
    second = await started("w2", gateway="after")
    await second.one.open(1, "ses_1", LOAD)

    assert second.one.on(1)[:3] == ["hello", "echo", "answer"]


async def test_a_worker_that_stops_gives_its_workspaces_back(started: WorkerOf, journal: SharedJournal):
    first, second = await started("w1"), await started("w2")
    await conversation(first)
    await first.host.stop()
    assert await journal.held_by(first.life) == []
    await second.one.open(1, "ses_1", LOAD)

    assert second.one.on(1)[:3] == ["hello", "echo", "answer"]


async def test_a_session_that_another_worker_has_does_not_count_as_ended_there(started: WorkerOf):
    first, second = await started("w1"), await started("w2")
    for worker in (first, second):
        worker.host.address = LinkAddress("127.0.0.1", 7001)
    await conversation(first)
    await second.one.open(1, "ses_1", LOAD)

    assert first.host.report().ended == []
    assert first.host.report().life == first.life
    assert first.host.report().sessions == {"ses_1": Owner("a", "ws")}


@pytest.mark.parametrize(("dead", "cause"), [("life-of-w1", "worker-died"), ("", "other")])
async def test_a_session_that_is_taken_up_is_counted_by_its_cause(started: WorkerOf, dead: str, cause: str):
    first = await started("w1")
    await conversation(first)
    await first.host.stop()
    second = await started("w2")
    before = counted(TAKEN_UP, cause=cause)
    await second.one.open(1, "ses_1", LOAD, dead=dead)
    await settle()

    assert counted(TAKEN_UP, cause=cause) == before + 1
