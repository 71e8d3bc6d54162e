"""What is asked of the protocols of a worker's workspaces, whether they are loaded or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from worker_world import EchoAgent, SharedJournal, Worker, settle

from actors import errors
from actors.migration.cause import Cause, Initiator, Trigger
from actors.migration.command import Action, Elsewhere, ProtocolCommand, WorkspaceProtocol
from actors.migration.policy import Policy
from actors.migration.states import ProtocolState
from actors.protocol.agent_protocol import AgentProtocol

SHOW = ProtocolCommand(Action.SHOW)
WHY = Cause(Initiator.OPERATOR, Trigger.MANUAL, "manual-operator")
ROLL_BACK = ProtocolCommand(Action.ROLL_BACK, WHY)


WorkerOf = Callable[[str], Awaitable[Worker]]


@pytest.fixture
async def started(journal: SharedJournal, agents: list[EchoAgent]) -> AsyncIterator[WorkerOf]:
    """Makes workers on one journal that know a way over HTTP."""
    workers: list[Worker] = []

    async def start(worker_id: str) -> Worker:
        workers.append(await Worker(worker_id, fallback="agentapi+http://127.0.0.1:1").start())
        return workers[-1]

    yield start
    for worker in workers:
        await worker.end()


async def asked(worker: Worker, command: ProtocolCommand, workspace: str = "ws") -> WorkspaceProtocol:
    answer = await worker.host.desk.command("a", workspace, command)
    assert isinstance(answer, WorkspaceProtocol)
    return answer


async def test_a_workspace_with_sessions_is_shown_as_it_stands(worker: Worker):
    await worker.one.open(1, "s1")
    shown = await asked(worker, SHOW)

    assert (shown.installation_id, shown.workspace_id, shown.sessions) == ("a", "ws", 1)
    assert (shown.state, shown.protocol, shown.loaded) == (ProtocolState.ACP, AgentProtocol.ACP, True)
    assert (shown.metrics.samples, shown.metrics.failed) == (2, 0)


async def test_a_workspace_of_which_nobody_has_heard_is_not_found_nor_made(worker: Worker):
    for command in (SHOW, ROLL_BACK):
        with pytest.raises(errors.WorkspaceNotFoundError):
            await worker.host.desk.command("a", "nobody", command)
    assert worker.host.storage.leases.workspaces() == []


async def test_what_is_another_tenants_is_not_found(worker: Worker):
    await worker.one.open(1, "s1")

    with pytest.raises(errors.WorkspaceNotFoundError):
        await worker.host.desk.command("b", "ws", SHOW)


async def test_without_a_way_over_http_nothing_is_rolled_back(worker: Worker):
    await worker.one.open(1, "s1")

    with pytest.raises(errors.ConflictError, match="over HTTP"):
        await asked(worker, ROLL_BACK)


async def test_a_policy_that_changes_reaches_the_workspaces_that_are_loaded(worker: Worker):
    await worker.one.open(1, "s1")
    worker.host.desk.policies.take("a", Policy(threshold=0.5, version=7))
    worker.host.desk.policies.take("b", Policy(threshold=0.1, version=7))
    await settle()

    assert (await asked(worker, SHOW)).metrics.threshold == 0.5


async def test_a_workspace_of_another_worker_is_shown_from_the_journal_and_changed_there(started: WorkerOf):
    holder, other = await started("w1"), await started("w2")
    await holder.one.open(1, "s1")

    assert not (await asked(other, SHOW)).loaded
    assert await other.host.desk.command("a", "ws", ROLL_BACK) == Elsewhere(holder.life)
    assert other.host.storage.leases.workspaces() == []


async def test_a_workspace_that_nobody_has_loaded_is_loaded_for_a_change(started: WorkerOf):
    first = await started("w1")
    await first.one.open(1, "s1")
    await first.host.stop()
    second = await started("w2")
    rolled = await asked(second, ROLL_BACK)

    assert (rolled.state, rolled.loaded, rolled.sessions) == (ProtocolState.PINNED_HTTP, True, 0)
    await second.host.stop()
    third = await started("w3")
    shown = await asked(third, SHOW)
    assert (shown.state, shown.loaded, shown.metrics.samples) == (ProtocolState.PINNED_HTTP, False, 2)
