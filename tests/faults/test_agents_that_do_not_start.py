"""Agents that cannot be started, say nothing, or say the wrong thing first: the client is told why."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.gateway_process import GatewayProcess
from support.messages import numbers
from support.peer import RefusedError
from support.tidying import settles_at
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(120, func_only=True),
]


async def refusal_of(gateway: GatewayProcess, cwd: object) -> RefusedError:
    """What ``session/new`` is refused with; nothing of the attempt may be left."""
    async with begun_peer(gateway.acp_over_websocket) as peer:
        with pytest.raises(RefusedError) as refused:
            await peer.new_session(cwd)
        assert await settles_at(gateway, 0)
        assert await becomes_true(lambda: not gateway.agents(), 10.0)
        assert (await peer.ask("session/list", {}))["sessions"] == []
    return refused.value


async def test_an_agent_that_ends_at_once_is_told_with_its_last_words(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    error = await refusal_of(gateway, Workspace(tmp_path, behaviour="crash-on-start"))
    assert error.data["code"] == "agent-start-failed"
    assert error.data["category"] == "connection"
    assert "the licence file is missing" in error.message


async def test_an_agent_that_never_answers_is_given_up_and_ended(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    error = await refusal_of(gateway, Workspace(tmp_path, behaviour="never-answers"))
    assert error.data["code"] == "agent-timeout"
    assert error.data["retryable"] is True


async def test_an_agent_of_another_version_is_refused_with_both_versions(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    error = await refusal_of(gateway, Workspace(tmp_path, behaviour="future-version"))
    assert error.data["code"] == "protocol-mismatch"
    assert "99" in error.message
    assert "1" in error.message.replace("99", "")


async def test_an_agents_own_refusal_of_a_session_arrives_as_it_was_said(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    error = await refusal_of(gateway, Workspace(tmp_path, behaviour="refuse-session"))
    assert (error.code, error.message) == (-32000, "no credit left")
    assert error.data == {"balance": 0, "plan": "free"}


async def test_a_working_directory_that_is_not_there_is_named(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    error = await refusal_of(gateway, tmp_path / "not-there")
    assert error.data["code"] == "agent-start-failed"
    assert "not-there" in error.message


async def test_an_agent_that_greets_with_garbage_works_all_the_same(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(Workspace(tmp_path, behaviour="garbage-on-start"))
        assert await peer.prompt(session_id, "say 3") == "end_turn"
        assert numbers(peer.messages, session_id) == [1, 2, 3]


async def test_a_client_that_leaves_while_its_agent_starts_leaves_no_agent(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, behaviour="never-answers")
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.start("session/new", {"cwd": str(workspace), "mcpServers": []})
        assert await becomes_true(lambda: bool(gateway.agents()), 10.0)
    assert await becomes_true(lambda: not gateway.agents(), 20.0)
    assert await settles_at(gateway, 0)


async def test_fifty_failed_starts_leave_no_process_and_no_descriptor(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    workspace = Workspace(tmp_path, behaviour="crash-on-start")
    [worker] = gateway.workers()
    await refusal_of(gateway, workspace)
    before = worker.num_fds()
    async with begun_peer(gateway.acp_over_websocket) as peer:
        for _ in range(10):
            outcomes = await asyncio.gather(
                *(peer.new_session(workspace) for _ in range(5)), return_exceptions=True
            )
            assert all(isinstance(outcome, RefusedError) for outcome in outcomes)
    assert await settles_at(gateway, 0)
    assert await becomes_true(lambda: not gateway.agents(), 10.0)
    assert await becomes_true(lambda: worker.num_fds() <= before, 10.0), f"{before}, {worker.num_fds()}"
