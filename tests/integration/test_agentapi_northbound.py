"""HTTP clients of before: each session is an AgentAPI server to them, and more where that does no harm."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from support.agentapi_client import AgentApiClient, new_session
from support.gateway_process import GatewayProcess
from support.messages import texts
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


@pytest.fixture
async def agent(gateway: GatewayProcess, workspace: Workspace, http: httpx.AsyncClient) -> AgentApiClient:
    """A new session."""
    return await new_session(gateway.url, http, workspace)


async def test_a_prompt_over_http_is_answered_and_both_are_messages(agent: AgentApiClient) -> None:
    assert await agent.status() == "stable"
    answer = await agent.say("say 3")
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    await agent.becomes("stable")
    assert await agent.messages() == [("user", "say 3"), ("agent", "1 2 3 ")]


async def test_events_tell_the_messages_as_they_grow_and_the_status(
    agent: AgentApiClient, workspace: Workspace
) -> None:
    async with agent.events() as heard:
        await heard.until(lambda now: now.statuses == ["stable"])
        await agent.say("say 2\nawait go\nsay 1")
        await heard.until(lambda now: now.texts[-1:] == [("agent", "1 2 ")])
        workspace.signal("go")
        await heard.until(lambda now: now.statuses == ["stable", "running", "stable"])
        assert heard.texts == [("user", "say 2\nawait go\nsay 1"), ("agent", "1 2 1 ")]


async def test_who_comes_back_with_an_id_is_told_what_it_missed_and_no_more(
    agent: AgentApiClient,
) -> None:
    async with agent.events() as heard:
        await agent.say("say 1")
        await heard.until(lambda now: now.statuses[-2:] == ["running", "stable"])
        last_id = heard.last_id
    await agent.say("say 2")
    await agent.becomes("stable")
    async with agent.events(last_id) as again:
        await again.until(lambda now: now.statuses[-1:] == ["stable"])
        assert again.texts == [("user", "say 2"), ("agent", "1 2 ")]
    async with agent.events() as anew:
        await anew.until(lambda now: now.statuses[-1:] == ["stable"])
        assert [text for _, text in anew.texts] == ["say 1", "1 ", "say 2", "1 2 "]


async def test_a_busy_agent_refuses_in_the_words_of_agentapi_and_takes_the_next_with_queue(
    agent: AgentApiClient, workspace: Workspace
) -> None:
    await agent.say("await go\nsay 1")
    refused = await agent.say("say 2")
    problem = refused.json()
    assert refused.status_code == 500
    assert problem["errors"][0]["message"] == (
        "failed to send message: message can only be sent when the agent is waiting for user input"
    )
    assert (problem["code"], problem["category"], problem["retryable"]) == (
        "agent-busy",
        "application",
        True,
    )
    assert (await agent.say("say 2", path="message?queue=true")).status_code == 200
    workspace.signal("go")
    await agent.becomes("stable")
    assert [text for _, text in await agent.messages()] == ["await go\nsay 1", "1 ", "say 2", "1 2 "]


async def test_status_does_not_wait_for_the_turn(agent: AgentApiClient, workspace: Workspace) -> None:
    await agent.say("await go")
    began = time.monotonic()
    assert await agent.status() == "running"
    assert [role for role, _ in await agent.messages()] == ["user"]
    assert time.monotonic() - began < 2.0
    workspace.signal("go")
    await agent.becomes("stable")


async def test_a_turn_is_cancelled_by_post_and_by_the_escape_key(agent: AgentApiClient) -> None:
    for cancel in (lambda: agent.post("cancel"), lambda: agent.say("\x1b", "raw")):
        await agent.say("wait")
        assert (await cancel()).status_code == 200
        await agent.becomes("stable")


async def test_a_message_with_a_key_runs_once(agent: AgentApiClient, workspace: Workspace) -> None:
    for _ in range(2):
        assert (await agent.say("say 1", idempotency_key="k1")).status_code == 200
    await agent.becomes("stable")
    assert (await agent.say("say 1", idempotency_key="k1")).status_code == 200
    assert workspace.prompts() == ["say 1"]


async def test_http_and_acp_clients_share_a_session(
    gateway: GatewayProcess, workspace: Workspace, http: httpx.AsyncClient
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as editor:
        session_id = await editor.new_session(workspace)
        agent = AgentApiClient(f"{gateway.url}/sessions/{session_id}", http)
        async with agent.events() as heard:
            await editor.prompt(session_id, "say 2")
            await heard.until(lambda now: now.statuses == ["stable", "running", "stable"])
            assert heard.texts == [("user", "say 2"), ("agent", "1 2 ")]
            await agent.say("say 3")
            await heard.until(lambda now: now.texts[-1:] == [("agent", "1 2 3 ")])
            await editor.hears(session_id, "3 ")
        assert texts(editor.messages, session_id, "user_message_chunk") == ["say 3"]


async def test_a_question_is_an_action_that_is_decided_once(agent: AgentApiClient) -> None:
    await agent.say("ask\nsay 1")
    async with asyncio.timeout(20):
        while not (found := (await agent.get("action"))["actions"]):
            await asyncio.sleep(0.02)
    [action] = found
    assert (action["type"], action["title"]) == ("permission", "Do it")
    assert [option["id"] for option in action["options"]] == ["yes", "no"]
    refused = await agent.post("action", {"id": action["id"], "optionId": "maybe"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid-params")
    assert (await agent.post("action", {"id": action["id"], "optionId": "no"})).status_code == 200
    again = await agent.post("action", {"id": action["id"], "optionId": "yes"})
    assert (again.status_code, again.json()["code"]) == (409, "question-unknown")
    await agent.becomes("stable")
    assert (await agent.messages())[-1] == ("agent", "chose no1 ")


async def test_what_the_agent_wants_of_a_client_is_refused_where_there_is_only_http(
    agent: AgentApiClient,
) -> None:
    await agent.say("read /etc/hostname")
    await agent.becomes("stable")
    assert (await agent.messages())[-1] == ("agent", "error -32601")


async def test_sessions_are_listed_and_closed(
    gateway: GatewayProcess, agent: AgentApiClient, http: httpx.AsyncClient
) -> None:
    rows = (await http.get(f"{gateway.url}/sessions")).json()["sessions"]
    assert [row["url"] for row in rows] == [agent.url]
    async with agent.events() as heard:
        assert (await http.delete(agent.url)).status_code == 204
        await heard.until(lambda now: now.ended)
    gone = await http.get(f"{agent.url}/status")
    assert gone.status_code in (404, 410)
    assert gone.json()["code"] in ("session-not-found", "session-closed")


async def test_what_cannot_be_done_is_refused_with_a_code_and_advice(agent: AgentApiClient) -> None:
    upload = await agent.http.post(f"{agent.url}/upload", files={"file": ("a.txt", b"a")})
    assert (upload.status_code, upload.json()["code"]) == (501, "agent-capability-missing")
    bad = await agent.post("message", {"content": "hello"})
    assert (bad.status_code, bad.json()["detail"]) == (422, "validation failed")
    assert "type" in bad.json()["errors"][0]["message"]
    keys = await agent.say("\t", "raw")
    assert keys.status_code == 501
    for answer in (upload, bad, keys):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["recovery"].endswith(".")
    schema = await agent.http.get(bad.json()["$schema"])
    assert "ErrorBody" in schema.json()["$defs"]


async def test_a_page_of_elsewhere_is_refused(agent: AgentApiClient) -> None:
    answer = await agent.http.get(f"{agent.url}/status", headers={"Origin": "http://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")


async def test_a_session_that_is_not_there_is_not_found(
    gateway: GatewayProcess, http: httpx.AsyncClient
) -> None:
    for session_id in ("nothing", "sess_" + "0" * 32):
        answer = await http.get(f"{gateway.url}/sessions/{session_id}/status")
        assert answer.json()["code"] == "session-not-found", answer.text
        assert answer.status_code == 404
