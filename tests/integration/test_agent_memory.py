"""Agents that do not all fit into memory take turns: sessions go on, and are told what they wait for."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.waiting import becomes_true
from support.websocket_peer import begun_peer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]


async def test_sessions_whose_agents_do_not_fit_side_by_side_take_turns(tmp_path: Path) -> None:
    # No machine has all of its memory free: one agent runs, and every other one has to wait for it.
    settings = {"agent_memory_reserve": 0.999, "agent_wait_s": 30.0, "dashboard": False}
    with GatewayProcess(tmp_path, scripted_agent_target(), **settings) as gateway:
        async with (
            begun_peer(gateway.acp_over_websocket) as first,
            begun_peer(gateway.acp_over_websocket) as second,
        ):
            one = await first.new_session(tmp_path)
            two = await second.new_session(tmp_path)
            told = await second.first(lambda message: message.get("method") == "_lumilink/notice")
            assert (told["params"]["sessionId"], told["params"]["kind"]) == (two, "agent-waits")

            for _ in range(2):
                assert await first.prompt(one, "say one") == "end_turn"
                assert await second.prompt(two, "say two") == "end_turn"
            assert await becomes_true(lambda: len(gateway.agents()) == 1, 10.0)
            waits = await first.several(lambda message: message.get("method") == "_lumilink/notice", 2)
            assert {notice["params"]["kind"] for notice in waits} >= {"agent-waits"}
