"""Agents that end, hang, babble or are killed in the midst of their work."""

from __future__ import annotations

import psutil
import pytest
from support import process_census
from support.gateway_process import GatewayProcess
from support.messages import numbers
from support.peer import RefusedError
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(120, func_only=True),
]


@pytest.mark.parametrize("script", ["say 3\nexit 1", "say 3\nexit 0", "say 3\nhalf\nexit 1"])
async def test_an_agent_that_ends_in_mid_turn_ends_the_turn_after_what_it_said(
    gateway: GatewayProcess, workspace: Workspace, script: str
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        with pytest.raises(RefusedError) as ended:
            await peer.prompt(session_id, script)
        assert numbers(peer.messages, session_id) == [1, 2, 3]
        assert ended.value.data["code"] == "turn-interrupted"
        assert ended.value.data["category"] == "connection"
        assert ended.value.data["retryable"] is True
        assert "the agent was told to go" in ended.value.message
        [notice] = await peer.told("_lumilink/notice")
        assert notice["kind"] == "agent-closed"


async def test_a_session_whose_agent_is_gone_gets_another_with_the_next_prompt(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        with pytest.raises(RefusedError):
            await peer.prompt(session_id, "say 3\nexit 1")
        assert await peer.prompt(session_id, "say 1") == "end_turn"
        assert len(gateway.agents()) == 1
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.load(session_id, workspace)
        assert numbers(peer.messages, session_id) == [1, 2, 3, 1]
        await peer.close_session(session_id)
        assert (await peer.ask("session/list", {}))["sessions"] == []


async def test_an_agent_that_begins_anew_is_set_to_the_mode_that_a_client_chose(
    gateway: GatewayProcess, forgetful_workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(forgetful_workspace)
        await peer.ask("session/set_mode", {"sessionId": session_id, "modeId": "plan"})
        with pytest.raises(RefusedError):
            await peer.prompt(session_id, "exit 1")
        assert await peer.prompt(session_id, "say 1") == "end_turn"

    before, after = forgetful_workspace.starts()
    assert forgetful_workspace.modes() == [(before, "plan"), (after, "plan")]


async def test_clients_are_told_when_an_idle_agent_is_killed(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with begun_peer(url) as first, begun_peer(url) as second:
        session_id = await first.new_session(workspace)
        await second.load(session_id, workspace)
        [agent] = gateway.agents()
        agent.kill()
        for peer in (first, second):
            [notice] = await peer.told("_lumilink/notice")
            assert (notice["sessionId"], notice["kind"]) == (session_id, "agent-closed")
            assert notice["toast"]


async def test_garbage_in_mid_turn_is_passed_over(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        assert await peer.prompt(session_id, "say 2\ngarbage\ngarbage\nsay 3") == "end_turn"
        assert numbers(peer.messages, session_id) == [1, 2, 1, 2, 3]


async def test_a_turn_that_hangs_is_ended_by_a_cancel_after_its_grace(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        hung = await peer.start_prompt(session_id, "say 1\nhang")
        waiting = await peer.start_prompt(session_id, "say 2")
        await peer.hears(session_id, "1 ")
        await peer.cancel(session_id)
        for turn in (hung, waiting):
            assert (await peer.result_of(turn))["stopReason"] == "cancelled"
        assert await peer.prompt(session_id, "say 2") == "end_turn"
        assert numbers(peer.messages, session_id) == [1, 1, 2]


async def test_a_request_that_is_never_answered_ends_at_its_deadline(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        with pytest.raises(RefusedError) as refused:
            await peer.ask("_test/never_answered", {"sessionId": session_id})
        assert refused.value.data["code"] == "agent-timeout"
        assert await peer.prompt(session_id, "say 1") == "end_turn"


async def test_a_hung_agent_and_all_that_it_started_go_with_their_session(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    def sleepers() -> list[psutil.Process]:
        return process_census.running(gateway.mark, "600")

    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        await peer.start_prompt(session_id, "spawn\nspawn\nsay 1\nhang")
        await peer.hears(session_id, "1 ")
        assert await becomes_true(lambda: len(sleepers()) == 2, 5.0)
        await peer.close_session(session_id)
        assert await becomes_true(lambda: not sleepers() and not gateway.agents(), 20.0)
