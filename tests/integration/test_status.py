"""The live status of a session, from the agent's updates to clients and to callers over HTTP."""

from __future__ import annotations

import json

import httpx
import pytest
from support.gateway_process import GatewayProcess
from support.peer import Json
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]

METHOD = "_lumilink/status"
UPDATES = (
    {
        "sessionUpdate": "plan",
        "entries": [
            {"content": "Read", "priority": "high", "status": "completed"},
            {"content": "Write", "priority": "high", "status": "in_progress"},
        ],
    },
    {"sessionUpdate": "tool_call", "toolCallId": "a", "title": "Edit", "status": "in_progress"},
    {"sessionUpdate": "tool_call_update", "toolCallId": "a", "status": "completed"},
    {"sessionUpdate": "usage_update", "used": 1200, "size": 200_000},
)
PROGRESS = {"completed": 1, "total": 2, "current": "Write", "toolCalls": {"done": 1, "running": 0}}
USAGE = {"contextUsed": 1200, "contextSize": 200_000}


def is_told(message: Json, state: str, **members: object) -> bool:
    params = message.get("params", {})
    is_so = message.get("method") == METHOD and params["turn"]["state"] == state
    return is_so and all(params.get(name) == value for name, value in members.items())


async def test_who_asks_for_it_sees_progress_and_others_do_not(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    (workspace.path / "updates").write_text("\n".join(json.dumps(one) for one in UPDATES))
    async with begun_peer(gateway.acp_over_websocket) as one, begun_peer(gateway.acp_over_websocket) as two:
        session_id = await one.new_session(workspace)
        about = {"sessionId": session_id, "cwd": str(workspace), "mcpServers": []}
        await two.ask("session/load", {**about, "_meta": {"lumilink": {"status": True}}})
        await two.first(lambda message: is_told(message, "idle"))
        turn = await one.start_prompt(session_id, "tell updates\nawait go")
        await two.first(lambda message: is_told(message, "running", progress=PROGRESS, usage=USAGE))
        async with httpx.AsyncClient() as http:
            status = (await http.get(f"{gateway.url}/api/v1/sessions/{session_id}/status")).json()
        assert (status["progress"], status["usage"]) == (PROGRESS, USAGE)
        assert status["turn"]["state"] == "running"
        assert status["turn"]["elapsedMs"] >= 0
        assert status["connection"]["state"] == "connected"
        workspace.signal("go")
        await one.result_of(turn)
        await two.first(lambda message: is_told(message, "idle", progress=PROGRESS))
        assert not any(message.get("method") == METHOD for message in one.messages)


async def test_a_session_that_is_over_is_told_from_the_records(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer, httpx.AsyncClient() as http:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, "say 1")
        await peer.close_session(session_id)
        url = f"{gateway.url}/api/v1/sessions/{session_id}/status"

        async def is_disconnected() -> bool:
            found = await http.get(url)
            return found.status_code == 200 and found.json()["connection"]["state"] == "disconnected"

        assert await becomes_true(is_disconnected, 20.0)
        unknown = await http.get(f"{gateway.url}/api/v1/sessions/sess_none/status")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "session-not-found")
