"""Sessions that are erased end at their worker, with all that is theirs, and nobody else's."""

from worker_world import EchoAgent, SharedJournal, Worker, settle

from actors.connection import record


async def test_a_dismissed_session_is_over_for_its_clients_its_agent_and_its_worker(
    worker: Worker, agents: list[EchoAgent]
):
    await worker.one.open(1, "s1", workspace="one")
    await worker.one.open(2, "s2", workspace="two")

    assert await worker.host.dismissals.dismiss("a", ["s1", "unknown"]) == 0
    await settle()

    assert worker.one.on(1)[-1] == "close session-closed"
    assert "close session-closed" not in worker.one.on(2)
    assert [agent.closed for agent in agents] == [True, False]
    assert worker.host.sessions() == ["s2"]


async def test_nothing_is_written_after_a_session_was_dismissed(
    journal: SharedJournal, worker: Worker, agents: list[EchoAgent]
):
    await worker.one.open(1, "s1")
    agents[0].slow = True
    await worker.one.say(1, "session/prompt", "s1", prompt=[{"type": "text", "text": "hello"}])

    await worker.host.dismissals.dismiss("a", ["s1"])
    head = await journal.head("a/s1")
    agents[0].update("too late")
    await settle()

    assert head is not None
    assert record.decode(head.meta).closed
    assert await journal.head("a/s1") == head


async def test_a_fork_goes_on_when_the_session_that_it_came_from_is_dismissed(
    worker: Worker, agents: list[EchoAgent]
):
    await worker.one.open(1, "s1", user="ann")
    await worker.one.open(2, "s1", "session/fork", new_session_id="s2")

    assert await worker.host.dismissals.dismiss("a", ["s1"]) == 0
    await settle()
    await worker.one.say(2, "session/prompt", "s2", prompt=[{"type": "text", "text": "hello"}])

    assert worker.one.on(2)[-2:] == ["echo", "answer"]
    assert not agents[0].closed


async def test_an_installation_s_sessions_and_workspaces_go_and_others_stay(
    journal: SharedJournal, worker: Worker, agents: list[EchoAgent]
):
    await worker.one.open(1, "s1", workspace="one")
    await worker.one.open(2, "s2", workspace="two")
    await worker.one.open(3, "s3", tenant="b")

    left = await worker.host.dismissals.dismiss("a", None)
    await settle()

    assert left == 2, "the workspaces are about to go"
    assert await worker.host.dismissals.dismiss("a", None) == 0
    assert worker.host.sessions() == ["s3"]
    assert worker.host.storage.leases.workspaces() == ["b/ws"]
    assert [agent.closed for agent in agents] == [True, True, False]


async def test_another_installation_s_session_is_not_dismissed(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "s1")

    assert await worker.host.dismissals.dismiss("b", ["s1"]) == 0
    assert worker.host.sessions() == ["s1"]


async def test_a_session_that_is_just_being_made_is_given_up(worker: Worker, agents: list[EchoAgent]):
    EchoAgent.slow = True
    try:
        await worker.one.open(1, "s1")
    finally:
        EchoAgent.slow = False

    assert await worker.host.dismissals.dismiss("a", ["s1"]) == 1
    assert await worker.host.dismissals.dismiss("a", ["s1"]) == 0
    await settle()

    assert worker.one.on(1) == ["close session-closed"]


async def test_the_record_knows_who_opened_a_session_and_a_fork_is_that_user_s_too(
    journal: SharedJournal, worker: Worker, agents: list[EchoAgent]
):
    await worker.one.open(1, "s1", user="ann")
    await worker.one.open(2, "s1", "session/fork", new_session_id="s2", user="ben")

    heads = [await journal.head(f"a/{one}") for one in ("s1", "s2")]
    assert [record.decode(head.meta).user for head in heads if head is not None] == ["ann", "ann"]
