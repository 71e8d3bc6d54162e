"""A workspace's standing as its connections and the journal see it."""

from __future__ import annotations

import pytest
from standing_world import MINUTE, OPERATOR
from steering_world import Begin, settle

from actors import errors
from actors.migration.command import Action, ProtocolCommand
from actors.migration.policy import Policy
from actors.migration.states import ProtocolState as S
from actors.migration.words import RETURNED, ROLLED_BACK
from actors.protocol.agent_protocol import AgentProtocol
from actors.workspace.steering import PolicyChanged

ROLL_BACK = ProtocolCommand(Action.ROLL_BACK, OPERATOR)
RETURN = ProtocolCommand(Action.RETURN, OPERATOR)
SHOW = ProtocolCommand(Action.SHOW)


async def test_a_rollback_tells_every_connection_and_is_complete_when_the_last_turn_has_ended(begin: Begin):
    world = await begin("s1", "s2")
    world.busy.add("s2")
    await world.note("b" * 20)

    assert [(name, told.to, told.kind) for name, told in world.told] == [
        ("s1", AgentProtocol.HTTP, ROLLED_BACK),
        ("s2", AgentProtocol.HTTP, ROLLED_BACK),
    ]
    assert await world.statuses() == ["in-progress"]
    assert (await world.ask(SHOW)).migration is not None

    await world.turn_ends("s2")
    assert await world.statuses() == ["in-progress", "succeeded"]
    shown = await world.ask(SHOW)
    assert (shown.state, shown.protocol, shown.migration) == (S.ROLLED_BACK, AgentProtocol.HTTP, None)


async def test_nobody_is_told_before_it_is_committed(begin: Begin):
    world = await begin("s1")
    commit = world.journal.append
    seen: list[int] = []

    async def watched(batch: object) -> object:
        seen.append(len(world.told))
        return await commit(batch)  # type: ignore[arg-type] # passed on as it is

    world.journal.append = watched  # type: ignore[method-assign,assignment] # to see what is told when
    await world.ask(ROLL_BACK)
    await settle()

    assert seen == [0, 1]
    assert len(world.told) == 1


async def test_after_the_cool_down_a_share_of_the_connections_tries_acp_and_all_follow(begin: Begin):
    world = await begin(*(f"s{number}" for number in range(10)))
    await world.note("b" * 20)
    world.told.clear()
    await world.passes(10 * MINUTE)

    on_acp = [name for name, told in world.told if told.to is AgentProtocol.ACP]
    assert on_acp == ["s0"]
    world.told.clear()
    await world.note("g" * 20, is_probe=True)

    assert {told.to for _, told in world.told} == {AgentProtocol.ACP}
    assert {told.kind for _, told in world.told} == {RETURNED}
    assert (await world.ask(SHOW)).state is S.ACP


async def test_another_worker_goes_on_with_the_window(begin: Begin):
    world = await begin()
    await world.note("g" * 10)
    await world.note("b")
    again = await begin(before=world)

    metrics = (await again.ask(SHOW)).metrics
    assert (metrics.samples, metrics.failed) == (11, 1)
    await again.note("b" * 9)
    assert (await again.ask(SHOW)).state is S.ROLLED_BACK


async def test_good_samples_are_written_once_a_second_and_bad_ones_at_once(begin: Begin):
    world = await begin(policy=Policy(automatic_rollback=False))
    await world.note("g" * 50)
    assert [one.kind for one in await world.entries()] == []
    await world.note("b")
    assert [one.kind for one in await world.entries()] == ["samples"]
    await world.note("g" * 50)
    await world.passes(1.0)

    assert [one.kind for one in await world.entries()] == ["samples", "samples"]


async def test_a_record_that_is_saved_holds_what_was_gathered_and_it_is_not_counted_twice(begin: Begin):
    world = await begin()
    await world.note("g" * 5)
    await world.ask(ROLL_BACK)
    again = await begin(before=world)

    assert (await again.ask(SHOW)).metrics.samples == 5


async def test_a_migration_that_a_worker_did_not_live_to_end_is_ended_by_the_next(begin: Begin):
    world = await begin("s1")
    world.busy.add("s1")
    await world.ask(ROLL_BACK)
    again = await begin(before=world)

    assert await again.statuses() == ["in-progress", "succeeded"]


async def test_a_session_that_ends_meanwhile_is_not_waited_for(begin: Begin):
    world = await begin("s1", "s2")
    world.ending.add("s1")
    await world.ask(ROLL_BACK)
    await settle()
    assert await world.statuses() == ["in-progress"]

    await world.passes(2.0)
    assert await world.statuses() == ["in-progress", "succeeded"]


async def test_sessions_that_cannot_go_over_are_told_of(begin: Begin):
    world = await begin("s1", "s2")
    world.broken = {"s1": "agent-unreachable"}
    await world.ask(ROLL_BACK)
    await settle()

    assert await world.statuses() == ["in-progress", "succeeded"]
    last = (await world.entries())[-2].payload
    assert b"1 of 2 sessions stay: agent-unreachable" in last


async def test_a_command_comes_with_a_version_and_is_refused_for_another(begin: Begin):
    world = await begin()
    version = (await world.ask(SHOW)).version
    with pytest.raises(errors.PreconditionError):
        await world.ask(ProtocolCommand(Action.ROLL_BACK, OPERATOR, version=version + 1))

    rolled = await world.ask(ProtocolCommand(Action.ROLL_BACK, OPERATOR, version=version))
    assert (rolled.state, rolled.version) == (S.PINNED_HTTP, version + 1)


async def test_a_command_with_a_key_is_carried_out_once_also_by_the_next_worker(begin: Begin):
    world = await begin()
    keyed = ProtocolCommand(Action.ROLL_BACK, OPERATOR, key="k1", digest="d1")
    await world.ask(keyed)
    await world.ask(RETURN)
    again = await begin(before=world)

    assert (await again.ask(keyed)).state is S.ACP
    with pytest.raises(errors.ConflictError):
        await again.ask(ProtocolCommand(Action.ROLL_BACK, OPERATOR, key="k1", digest="another"))
    again.now += 86_401
    assert (await again.ask(keyed)).state is S.PINNED_HTTP


async def test_a_dry_run_says_what_would_be_and_changes_nothing(begin: Begin):
    world = await begin("s1")
    told = await world.ask(ProtocolCommand(Action.ROLL_BACK, OPERATOR, dry_run=True))

    assert (told.would_be, told.state, told.sessions) == (AgentProtocol.HTTP, S.ACP, 1)
    assert world.told == []
    assert await world.entries() == []


async def test_a_changed_policy_moves_a_workspace_that_is_on_http(begin: Begin):
    world = await begin("s1", policy=Policy(default_protocol=AgentProtocol.HTTP))
    assert (await world.ask(SHOW)).state is S.HTTP
    world.workspace.tell(PolicyChanged(Policy(migration_enabled=True, phase="automatic", version=2)))
    await world.passes(0.0)

    assert (await world.ask(SHOW)).state is S.ACP
    assert len(world.line) == 0


async def test_a_worker_that_has_lost_the_workspace_writes_nothing_more(begin: Begin):
    world = await begin()
    await world.journal.acquire("inst/ws_1", "another", 0.0)
    await world.note("b" * 20)

    assert world.lost == 1
    assert await world.entries() == []


async def test_when_the_session_that_tried_acp_is_gone_another_one_tries_it(begin: Begin):
    world = await begin("s0", "s1", "s2")
    await world.note("b" * 20)
    world.ending.add("s0")
    await world.passes(10 * MINUTE)
    world.told.clear()
    await world.passes(60.0)

    on_acp = [name for name, told in world.told if told.to is AgentProtocol.ACP]
    assert on_acp == ["s1"]


async def test_what_is_asked_of_a_worker_that_has_lost_the_workspace_is_not_said_to_be_done(begin: Begin):
    world = await begin()
    await world.journal.acquire("inst/ws_1", "another", 0.0)

    with pytest.raises(errors.WorkerUnavailableError):
        await world.ask(ROLL_BACK)
