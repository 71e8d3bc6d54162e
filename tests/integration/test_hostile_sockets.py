"""WebSocket clients that break every rule: each is told what is wrong, and no other client notices."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.gateway_process import GatewayProcess
from support.messages import Json, initialize, prompt, request
from support.neighbour import neighbour
from support.peer import RefusedError
from support.websocket_peer import WebSocketPeer, begun_peer, websocket_peer
from support.workspace import Workspace
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]

MAX_FRAME_BYTES = 16 * 1024 * 1024
LIST = '{"jsonrpc":"2.0","id":%s,"method":"session/list"}'


@pytest.fixture(autouse=True)
async def undisturbed(gateway: GatewayProcess, tmp_path: Path) -> AsyncIterator[None]:
    """A second session whose turns go on, and are complete, whatever the test does."""
    async with neighbour(gateway, Workspace(tmp_path / "neighbour")):
        yield


async def error_after(peer: WebSocketPeer, text: str) -> Json:
    """The error that a frame leads to, under an id of null."""
    before = len(peer.messages)
    await peer.send_text(text)
    answer = await peer.first(lambda message: message in peer.messages[before:] and "error" in message)
    assert answer["id"] is None
    error: Json = answer["error"]
    return error


async def check_still_works(peer: WebSocketPeer) -> None:
    """A connection that said something wrong can go on."""
    assert "sessions" in await peer.ask("session/list", {})


@pytest.mark.parametrize(
    ("text", "code", "name"),
    [
        ("", -32700, "parse-error"),
        ("hello", -32700, "parse-error"),
        ('{"jsonrpc":"2.0","id":1,', -32700, "parse-error"),
        ('{"jsonrpc":"2.0","method":"a"}}', -32700, "parse-error"),
        ("[" * 100_000, -32700, "parse-error"),
        ('{"a":' * 100_000, -32700, "parse-error"),
        ("[]", -32600, "invalid-request"),
        ("42", -32600, "invalid-request"),
        ("null", -32600, "invalid-request"),
        ("{}", -32600, "invalid-request"),
        ('[{"jsonrpc":"2.0","id":1,"method":"session/list"}]', -32600, "batch-unsupported"),
        ('{"jsonrpc":"2.0","id":{},"method":"session/list"}', -32600, "invalid-request"),
        ('{"jsonrpc":"2.0","id":true,"method":"session/list"}', -32600, "invalid-request"),
        ('{"jsonrpc":"2.0","result":{}}', -32600, "invalid-request"),
    ],
)
async def test_what_is_no_message_is_answered_under_null(
    gateway: GatewayProcess, text: str, code: int, name: str
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        error = await error_after(peer, text)
        assert (error["code"], error["data"]["code"]) == (code, name)
        assert error["data"]["recovery"]
        await check_still_works(peer)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"jsonrpc": "1.0", "method": "session/list"}, -32600),
        ({"method": "session/list"}, -32600),
        ({"jsonrpc": "2.0", "method": 7}, -32600),
        ({"jsonrpc": "2.0", "method": "session/list", "result": {}}, -32600),
        ({"jsonrpc": "2.0", "method": "session/list", "params": "none"}, -32602),
        ({"jsonrpc": "2.0", "method": "session/list", "params": {"cursor": "garbage"}}, -32602),
        ({"jsonrpc": "2.0", "method": "session/list", "params": {"cursor": 5}}, -32602),
        ({"jsonrpc": "2.0", "method": "session/new", "params": {}}, -32602),
        ({"jsonrpc": "2.0", "method": "session/new", "params": {"cwd": 5, "mcpServers": []}}, -32602),
        ({"jsonrpc": "2.0", "method": "session/load", "params": {"cwd": "/"}}, -32602),
        ({"jsonrpc": "2.0", "method": "session/prompt", "params": {}}, -32602),
        ({"jsonrpc": "2.0", "method": "session/prompt", "params": {"sessionId": 5}}, -32602),
        ({"jsonrpc": "2.0", "method": "_lumilink/session/attach", "params": {"sessionId": "a"}}, -32002),
        ({"jsonrpc": "2.0", "method": "session/made_up", "params": {}}, -32601),
        ({"jsonrpc": "2.0", "method": ""}, -32601),
    ],
)
async def test_a_wrong_request_is_answered_under_its_own_id(
    gateway: GatewayProcess, members: Json, code: int
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.send({**members, "id": "mine"})
        assert (await peer.answer_to("mine"))["error"]["code"] == code
        await check_still_works(peer)


@pytest.mark.parametrize(
    "spelled",
    [
        "0",
        "-1",
        "1.0",
        "1e3",
        "-0.5",
        "9007199254740993",
        "18446744073709551616",
        '""',
        '"1"',
        '"ü\\u0001"',
        "null",
    ],
)
async def test_an_id_comes_back_as_it_was_spelled(gateway: GatewayProcess, spelled: str) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.send_text(LIST % spelled)
        await peer.first(lambda message: "sessions" in message.get("result", {}))
    assert f'"id":{spelled},' in peer.raw[-1]


async def test_a_second_request_with_an_open_id_is_refused_and_the_first_is_answered(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        turn = request("twice", "session/prompt", prompt(session_id, "await go\nsay 1"))
        await peer.send(turn)
        await peer.send(turn)
        assert (await peer.answer_to("twice"))["error"]["code"] == -32600
        workspace.signal("go")
        answers = await peer.several(lambda message: message.get("id") == "twice", 2)
    assert answers[1]["result"]["stopReason"] == "end_turn"


async def test_deep_nesting_inside_a_message_harms_nobody(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        deep = "[" * 100_000 + "]" * 100_000
        prompted = json.dumps(request("deep", "session/prompt", prompt(session_id, "say 1")))
        error = await error_after(peer, prompted[:-2] + f',"deep":{deep}}}}}')
        assert error["data"]["code"] == "parse-error"
        assert await peer.prompt(session_id, "say 1") == "end_turn"


async def test_text_that_is_not_utf8_ends_the_socket_with_1007(gateway: GatewayProcess) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.send_bytes_as_text(b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}')
        assert await peer.close_code() == 1007


async def test_a_frame_over_the_limit_ends_the_socket_with_1009(gateway: GatewayProcess) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        # A header alone: what comes with it might be refused by a reset that takes the close frame along.
        peer.socket.transport.write(b"\x81\xff" + (MAX_FRAME_BYTES + 1).to_bytes(8) + b"mask")
        assert await peer.close_code() == 1009


async def test_a_frame_just_below_the_limit_is_taken(gateway: GatewayProcess) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        text = LIST % '"big"'
        await peer.send_text(text + " " * (MAX_FRAME_BYTES - len(text)))
        assert "result" in await peer.answer_to("big")


async def test_binary_frames_are_ignored(gateway: GatewayProcess) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.send_binary((LIST % '"binary"').encode())
        await peer.send_binary(b"\x00\xff" * 1000)
        await check_still_works(peer)
        assert not [message for message in peer.messages if message.get("id") == "binary"]


async def test_before_initialize_everything_else_is_refused(gateway: GatewayProcess) -> None:
    async with websocket_peer(gateway.acp_over_websocket) as peer:
        for method in ("session/prompt", "session/new", "session/list", "_lumilink/session/attach"):
            with pytest.raises(RefusedError) as refused:
                await peer.ask(method, {"sessionId": "sess_x"})
            assert (refused.value.code, refused.value.data["code"]) == (-32600, "not-initialized")
        await peer.notify("session/cancel", {"sessionId": "sess_x"})
        await peer.begin()
        await check_still_works(peer)


async def test_initialize_without_a_version_is_refused(gateway: GatewayProcess) -> None:
    async with websocket_peer(gateway.acp_over_websocket) as peer:
        with pytest.raises(RefusedError) as refused:
            await peer.ask("initialize", {})
        assert refused.value.code == -32602
        assert "protocolVersion" in refused.value.message


async def test_a_version_that_is_not_spoken_is_answered_with_the_one_that_is(
    gateway: GatewayProcess,
) -> None:
    async with websocket_peer(gateway.acp_over_websocket) as peer:
        result = await peer.ask("initialize", initialize() | {"protocolVersion": 65535})
    assert result["protocolVersion"] == 1


async def test_a_session_that_is_nobodys_cannot_be_prompted_or_loaded(gateway: GatewayProcess) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        for method in ("session/prompt", "session/load", "session/resume", "session/close"):
            params = {"sessionId": "sess_nobodys", "cwd": "/", "mcpServers": [], "prompt": []}
            with pytest.raises(RefusedError) as refused:
                await peer.ask(method, params)
            assert (refused.value.code, refused.value.data["code"]) == (-32002, "session-not-found")


async def test_answers_to_nothing_get_a_notice_each(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        for unknown in (5, "no-such", None, f"{session_id}/q999"):
            await peer.send({"jsonrpc": "2.0", "id": unknown, "result": {}})
        notices = await peer.told("_lumilink/notice", 4)
        assert {notice["code"] for notice in notices} == {"question-unknown"}
        assert await peer.prompt(session_id, "say 1") == "end_turn"


async def test_more_than_1024_unanswered_requests_are_refused_and_the_rest_go_on(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        sessions = [await peer.new_session(workspace) for _ in range(3)]
        for _ in range(400):
            for session_id in sessions:
                await peer.start("_test/never_answered", {"sessionId": session_id})
        refusals = await peer.several(lambda message: "error" in message, 1200 - 1024)
        assert {refusal["error"]["data"]["code"] for refusal in refusals} == {"mailbox-full"}
    async with begun_peer(gateway.acp_over_websocket) as other:
        await other.load(sessions[0], workspace)
        assert await other.prompt(sessions[0], "say 1") == "end_turn"


async def test_cancelling_what_is_not_there_is_nothing(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        await peer.cancel(session_id)
        await peer.cancel("sess_nobodys")
        await peer.notify("session/cancel", {})
        await peer.notify("$/cancel_request", {"requestId": 999})
        await peer.notify("$/cancel_request", {})
        await peer.notify("no/such/notification", {})
        assert await peer.prompt(session_id, "say 1") == "end_turn"


async def test_a_socket_that_is_cut_in_the_middle_of_a_frame_harms_nobody(
    gateway: GatewayProcess,
) -> None:
    for _ in range(20):
        async with begun_peer(gateway.acp_over_websocket) as peer:
            peer.socket.transport.write(b"\x81\xfe\x10\x00abcd half a frame")
            peer.socket.transport.abort()


async def test_200_sockets_that_come_and_go_without_a_word_leave_the_gateway_as_it_was(
    gateway: GatewayProcess,
) -> None:
    for _ in range(10):
        sockets = await asyncio.gather(*(connect(gateway.acp_over_websocket) for _ in range(20)))
        for socket in sockets:
            socket.transport.abort()
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await check_still_works(peer)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null"])
async def test_a_page_of_another_origin_gets_no_socket(gateway: GatewayProcess, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(gateway.acp_over_websocket, additional_headers={"Origin": origin})
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1.evil.example"])
async def test_a_name_that_was_rebound_to_this_machine_gets_no_socket(
    gateway: GatewayProcess, host: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://{host}:{gateway.port}/acp", host="127.0.0.1", port=gateway.port)
    assert refused.value.response.status_code == 403


async def test_a_page_of_the_gateway_itself_gets_a_socket(gateway: GatewayProcess) -> None:
    async with websocket_peer(gateway.acp_over_websocket, {"Origin": gateway.url}) as peer:
        await peer.begin()
