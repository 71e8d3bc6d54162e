"""What a connection counts for operators: turns, first words, handshakes, errors, and its delay."""

from __future__ import annotations

from session_world import FakeAgent, World, settle
from slow_journal import SlowJournal
from support.counted import counted

from actors.connection import living
from actors.errors import ObserverError
from actors.metrics import catalogue
from actors.metrics.metric import Metric
from actors.metrics.tally import TALLY, TIMED_OF
from actors.protocol.agent_protocol import AgentProtocol

DONE = {"stopReason": "end_turn"}


class Since:
    """What was counted of a metric since this was made."""

    def __init__(self, metric: Metric, suffix: str = "", **labels: str) -> None:
        self._what, self._labels = (metric, suffix), labels
        self._before = counted(*self._what, **labels)

    @property
    def count(self) -> float:
        return counted(*self._what, **self._labels) - self._before


async def test_a_turn_is_counted_by_its_outcome_and_timed(agent: FakeAgent, world: World):
    completed, timed = Since(catalogue.TURNS, outcome="completed"), Since(catalogue.TURN_SECONDS, "_count")
    client = await world.opened_client()
    await client.prompt("2")
    agent.answer("session/prompt", DONE)
    await settle()

    assert (completed.count, timed.count) == (1, 1)


async def test_a_prompt_that_never_came_to_its_turn_is_counted_once_too(agent: FakeAgent, world: World):
    every, cancelled = Since(catalogue.TURNS), Since(catalogue.TURNS, outcome="cancelled")
    client = await world.opened_client()
    await client.prompt("2")
    await client.prompt("3")
    await client.cancel()
    agent.answer("session/prompt", {"stopReason": "cancelled"})
    await settle()

    assert (every.count, cancelled.count) == (2, 2)


async def test_the_first_update_of_a_turn_is_timed_and_no_other(agent: FakeAgent, world: World):
    first, updates = Since(catalogue.FIRST_UPDATE_SECONDS, "_count"), TALLY.updates
    client = await world.opened_client()
    await client.prompt("2")
    agent.update("one")
    agent.update("two")
    await settle()

    assert first.count == 1
    assert TALLY.updates == updates + 2


async def test_one_batch_of_64_is_timed_from_its_arrival_until_it_is_shown(agent: FakeAgent, world: World):
    client = await world.opened_client()
    await client.prompt("2")
    TALLY.batches = 0
    timed = Since(catalogue.ADDED_SECONDS, "_count")
    for number in range(TIMED_OF + 1):
        agent.update(f"word {number}")
        await settle()

    assert timed.count == 2


async def test_what_is_not_shown_yet_is_not_timed_yet(agent: FakeAgent, world: World, journal: SlowJournal):
    client = await world.opened_client()
    await client.prompt("2")
    await settle()
    TALLY.batches = 0
    timed = Since(catalogue.ADDED_SECONDS, "_count")
    journal.hold()
    agent.update("one")
    await settle()
    assert timed.count == 0
    journal.recover()
    await settle()
    assert timed.count == 1


async def test_an_agent_s_handshake_is_counted_by_its_result(agent: FakeAgent, world: World):
    ok = Since(catalogue.HANDSHAKES, protocol="acp", result="ok")
    samples = Since(catalogue.ACP_SAMPLES, kind="handshake", result="ok")
    await world.opened_client()

    assert (ok.count, samples.count) == (1, 1)


async def test_an_error_is_counted_where_a_client_is_told(agent: FakeAgent, world: World):
    faults = Since(catalogue.FAULTS, category="application", code=ObserverError.code, over="acp")
    await world.opened_client()
    observer = await world.observer().attach()
    await observer.prompt("7")
    await settle()

    assert observer.code("7") == ObserverError.code
    assert faults.count == 1


async def test_a_session_that_is_loaded_is_seen_with_its_turn_and_its_view(agent: FakeAgent, world: World):
    before = living.look()
    client = await world.opened_client()
    await client.prompt("2")
    await client.prompt("3")
    now = living.look()
    assert now.protocols[AgentProtocol.ACP] == before.protocols[AgentProtocol.ACP] + 1
    assert (now.running, now.queued) == (before.running + 1, before.queued + 1)
    assert now.attachments == before.attachments + 1
