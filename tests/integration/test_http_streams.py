"""Streamable HTTP: what comes on which stream, over either replica, also after a stream was lost."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack

import pytest
from support.gateway_process import GatewayProcess
from support.http_peer import LAST_EVENT_ID, HttpPeer, begun_http_peer, http_peer, replicas_reached
from support.messages import numbers, prompt, request, texts
from support.peer import RefusedError
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
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


# ---------------------------------------------------------------------- coming back where one was


@pytest.mark.parametrize("fresh_connections", [False, True])
async def test_a_stream_that_is_cut_again_and_again_loses_and_doubles_nothing(
    gateway: GatewayProcess, workspace: Workspace, fresh_connections: bool
) -> None:
    # With fresh connections, about half of the GETs reach the replica that is not the home.
    async with begun_http_peer(gateway.acp_over_http, fresh_connections=fresh_connections) as peer:
        session_id = await peer.new_session(workspace)
        turn = await peer.start_prompt(session_id, "say 4000")
        for cut in range(1, 13):
            await peer.several(is_update, cut * 250)
            peer.drop_stream(session_id)
            await peer.open_stream(session_id, after=peer.last_ids[session_id])
        await peer.result_of(turn)
        assert numbers(peer.messages, session_id) == list(range(1, 4001))
        assert [message.get("id") for message in peer.heard[session_id] if "method" not in message] == [turn]


def is_update(message: dict[str, object]) -> bool:
    return message.get("method") == "session/update"


async def test_what_was_written_and_never_arrived_is_shown_again_with_its_answer(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, "say 20")
        known = peer.last_ids[session_id]
        await peer.prompt(session_id, "say 30")
        lost = len(peer.heard[session_id])
        peer.drop_stream(session_id)
        await peer.open_stream(session_id, after=known)
        await peer.hears(session_id, "30 ")
        await peer.several(lambda message: message.get("id") == 3 and "method" not in message, 2)
        again = peer.heard[session_id][lost:]
    assert numbers(again, session_id) == list(range(1, 31))
    assert again[-1]["result"] == {"stopReason": "end_turn"}
    assert len(again) == 31


async def test_every_event_has_an_id_and_keep_alives_and_the_connections_stream_have_none(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, "say 3")
        assert peer.last_ids.keys() == {session_id}
        assert session_id not in peer.last_ids[session_id]


async def elsewhere(stack: AsyncExitStack, gateway: GatewayProcess, home: str) -> HttpPeer:
    """A new connection to another replica than ``home``."""
    for _ in range(30):
        peer = await stack.enter_async_context(begun_http_peer(gateway.acp_over_http, fresh_connections=True))
        if peer.home != home:
            return peer
    raise AssertionError("all connections reach one replica")


@pytest.mark.parametrize("stream_first", [False, True])
async def test_a_client_goes_on_over_another_replica_while_the_turn_runs(
    gateway: GatewayProcess, workspace: Workspace, stream_first: bool
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(begun_http_peer(gateway.acp_over_http))
        session_id = await first.new_session(workspace)
        await first.start_prompt(session_id, "say 500\nawait go\nsay 700")
        await first.hears(session_id, "100 ")
        await first.close()  # without a word, as a client does whose replica is gone
        known, heard = first.last_ids[session_id], len(numbers(first.heard[session_id], session_id))

        second = await elsewhere(stack, gateway, first.home)
        if stream_first:
            await second.open_stream(session_id, after=known)
        attached = await second.ask("_lumilink/session/attach", {"resumeToken": known})
        if not stream_first:
            await second.open_stream(session_id, after=known)
        assert (attached["sessionId"], attached["reset"]) == (session_id, False)
        workspace.signal("go")
        await second.hears(session_id, "700 ")
        expected = [*range(1, 501), *range(1, 701)]
        assert numbers(second.heard[session_id], session_id) == expected[heard:]


async def test_a_resumed_session_goes_on_after_the_last_event_id(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(begun_http_peer(gateway.acp_over_http))
        session_id = await first.new_session(workspace)
        await first.prompt(session_id, "say 5")
        known = first.last_ids[session_id]
        await first.prompt(session_id, "say 7")
        await first.delete()

        second = await elsewhere(stack, gateway, first.home)
        await second.ask("session/resume", {"sessionId": session_id, "cwd": str(workspace)})
        await second.open_stream(session_id, after=known)
        await second.hears(session_id, "7 ")
    assert numbers(second.heard[session_id], session_id) == list(range(1, 8))
    assert texts(second.messages, session_id, "user_message_chunk") == ["say 7"]


async def test_the_token_of_an_answer_attaches_on_a_websocket(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_http_peer(gateway.acp_over_http) as peer,
        begun_peer(gateway.acp_over_websocket) as other,
    ):
        made = await peer.ask("session/new", {"cwd": str(workspace), "mcpServers": []})
        session_id = made["sessionId"]
        await peer.open_stream(session_id)
        await peer.prompt(session_id, "say 5")
        beginning = made["_meta"]["lumilink"]["resumeToken"]
        attached = await other.ask("_lumilink/session/attach", {"resumeToken": beginning})
        end = attached["_meta"]["lumilink"]["resumeToken"]
        assert numbers(other.messages, session_id) == [1, 2, 3, 4, 5]
        await other.ask("_lumilink/session/attach", {"resumeToken": end})
        assert numbers(other.messages, session_id) == [1, 2, 3, 4, 5]


async def test_ids_that_are_not_good_for_a_stream_are_refused(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        one, two = await peer.new_session(workspace), await peer.new_session(workspace)
        for session_id in (one, two):
            await peer.prompt(session_id, "say 1")
        good = peer.last_ids[one]
        forged = good[:-1] + ("A" if good[-1] != "A" else "B")
        for session_id, last_id, code in (
            (one, forged, "resume-token-invalid"),
            (one, "7", "resume-token-invalid"),
            (two, good, "invalid-request"),
        ):
            headers = {**peer.headers(session_id), "Accept": "text/event-stream", LAST_EVENT_ID: last_id}
            answer = await peer.client.get(peer.url, headers=headers)
            assert answer.status_code == 400
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == code
            assert last_id not in answer.text
        with pytest.raises(RefusedError) as refused:
            await peer.ask("_lumilink/session/attach", {"resumeToken": forged})
    assert refused.value.data["code"] == "resume-token-invalid"
