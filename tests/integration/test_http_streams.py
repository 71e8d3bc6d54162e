"""Streamable HTTP: what comes on which stream, over either replica, also after a stream was lost."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from support.gateway_process import GatewayProcess
from support.http_peer import begun_http_peer, http_peer, replicas_reached
from support.messages import numbers, prompt, request, texts
from support.waiting import becomes_true
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]


async def test_what_opens_a_session_is_answered_on_the_connection_and_the_rest_on_the_session(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, "say 3")
        await peer.ask("session/list", {})
    assert [message["id"] for message in peer.heard[None]] == [1, 3]
    on_session = peer.heard[session_id]
    assert numbers(on_session, session_id) == [1, 2, 3]
    assert on_session[-1]["id"] == 2


async def test_each_session_has_a_stream_of_its_own(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        one, two = await peer.new_session(workspace), await peer.new_session(workspace)
        await asyncio.gather(peer.prompt(one, "say 30"), peer.prompt(two, "say 50"))
    assert numbers(peer.heard[one], one) == list(range(1, 31))
    assert numbers(peer.heard[two], two) == list(range(1, 51))
    assert not texts(peer.heard[one], two)
    assert not texts(peer.heard[two], one)


async def test_new_connections_are_spread_over_both_replicas(gateway: GatewayProcess) -> None:
    homes = await replicas_reached(gateway.acp_over_http)
    assert homes == {replica["replicaId"] for replica in (await gateway.topology())["ingress"]}
    assert len(homes) == 2


async def test_any_replica_takes_any_request_of_a_connection(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    # Each request has a TCP connection of its own, so about half of them reach the replica that is not
    # the home; streams are opened anew as well.
    async with begun_http_peer(gateway.acp_over_http, fresh_connections=True) as peer:
        session_id = await peer.new_session(workspace)
        for turn in range(1, 21):
            await peer.prompt(session_id, f"say {turn}")
            await peer.open_stream(session_id)
            await peer.open_stream()
        expected = [number for turn in range(1, 21) for number in range(1, turn + 1)]
        assert numbers(peer.messages, session_id) == expected
        await peer.ask("session/list", {})
        assert (await peer.delete()).status_code == 202
        assert (await peer.post({"jsonrpc": "2.0", "method": "x"})).status_code == 404


async def test_a_second_get_takes_the_stream_over(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_http_peer(gateway.acp_over_http, fresh_connections=True) as peer:
        session_id = await peer.new_session(workspace)
        for _ in range(4):
            taken = peer.stream(session_id)
            await peer.open_stream(session_id)
            async with asyncio.timeout(30):
                await taken
        await peer.prompt(session_id, "say 3")
    assert numbers(peer.messages, session_id) == [1, 2, 3]


async def test_what_came_before_the_stream_was_opened_waits_for_it(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_unread_session(workspace)
        turn = await peer.start_prompt(session_id, "say 100\nawait go")
        # The connection's stream is read all the time; the session's has had no reader until now.
        await peer.ask("session/list", {})
        workspace.signal("go")
        assert session_id not in peer.heard
        await peer.open_stream(session_id)
        await peer.result_of(turn)
    assert numbers(peer.heard[session_id], session_id) == list(range(1, 101))


async def test_a_client_that_waits_to_be_told_of_a_session_is_told_when_it_loads_one(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, "say 2")
    async with begun_http_peer(gateway.acp_over_http) as peer:
        await peer.load(session_id, workspace)
        await peer.told("_lumilink/session/attached")
        assert [message["params"] for message in peer.messages if "params" in message] == [
            {"sessionId": session_id}
        ]
        await peer.open_stream(session_id)
        await peer.hears(session_id, "2 ")
    assert texts(peer.messages, session_id, "user_message_chunk") == ["say 2"]
    assert numbers(peer.messages, session_id) == [1, 2]


async def test_a_stream_that_is_opened_before_the_load_gets_the_replay(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, "say 3")
    async with begun_http_peer(gateway.acp_over_http) as peer:
        await peer.open_stream(session_id)
        await peer.load(session_id, workspace)
        await peer.hears(session_id, "3 ")
        assert numbers(peer.heard[session_id], session_id) == [1, 2, 3]
        assert not [message for message in peer.heard[None] if "method" in message]


async def test_a_turn_works_over_http2_without_an_upgrade(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with http_peer(gateway.acp_over_http, http2=True) as peer:
        await peer.begin()
        session_id = await peer.new_session(workspace)
        assert await peer.prompt(session_id, "say 50") == "end_turn"
        answer = await peer.post({"jsonrpc": "2.0", "id": 99, "method": "session/list"})
    assert answer.http_version == "HTTP/2"
    assert numbers(peer.messages, session_id) == list(range(1, 51))


async def test_permissions_are_asked_and_answered_over_http(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http, fresh_connections=True) as peer:
        session_id = await peer.new_session(workspace)
        turn = await peer.start_prompt(session_id, "ask")
        await peer.choose(await peer.question(session_id), "yes")
        await peer.result_of(turn)
    assert texts(peer.messages, session_id) == ["chose yes"]


async def test_pretty_printed_json_arrives_as_one_event(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        message = request("odd\nid", "session/prompt", prompt(session_id, "say 1\nsay 1"))
        body = json.dumps(message, indent=2).replace("\n", "\r\n")
        headers = {**peer.headers(session_id), "Content-Type": "application/json"}
        taken = await peer.client.post(peer.url, content=body, headers=headers)
        assert taken.status_code == 202
        assert (await peer.answer_to("odd\nid"))["result"]["stopReason"] == "end_turn"
    assert numbers(peer.messages, session_id) == [1, 1]


async def test_an_unused_connection_is_closed_and_one_with_a_stream_is_kept_alive(
    gateway: GatewayProcess,
) -> None:
    async with http_peer(gateway.acp_over_http) as silent, AsyncExitStack() as stack:
        await silent.begin_unread()
        # Of four streams each with a TCP connection of its own, some are passed on from the other replica.
        readers = [
            await stack.enter_async_context(begun_http_peer(gateway.acp_over_http, fresh_connections=True))
            for _ in range(4)
        ]
        assert await becomes_true(lambda: all(reader.keepalives for reader in readers), 40.0)

        async def is_closed() -> bool:
            # Refused for its missing session header, and so no use of the connection.
            refused = await silent.post(request(1, "session/prompt", prompt("sess_x", "say 1")))
            return refused.status_code == 404

        assert await becomes_true(is_closed, 40.0)
        for reader in readers:
            assert "sessions" in await reader.ask("session/list", {})
