"""Streamable HTTP: which status each request gets, and what a refusal says."""

from __future__ import annotations

import httpx
import pytest
from support.gateway_process import GatewayProcess
from support.http_peer import CONNECTION_ID, SESSION_ID, begun_http_peer, http_peer
from support.messages import initialize, prompt, request
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]

LIST = request(1, "session/list", {})
MAX_BODY_BYTES = 16 * 1024 * 1024


def check_problem(answer: httpx.Response, status: int, code: str, category: str = "protocol") -> None:
    """The status, and a body by which a program and a person can tell what to do."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"], body["category"]) == (status, code, category)
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    assert body["recovery"].endswith(".")
    assert isinstance(body["retryable"], bool)


async def test_initialize_is_answered_within_its_post(gateway: GatewayProcess) -> None:
    async with http_peer(gateway.acp_over_http) as peer:
        answer = await peer.post(request("first", "initialize", initialize()))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers[CONNECTION_ID].startswith("conn_")
    body = answer.json()
    assert body["id"] == "first"
    assert body["result"]["protocolVersion"] == 1
    assert body["result"]["agentCapabilities"]["loadSession"] is True


async def test_initialize_sets_a_cookie_that_later_requests_may_carry(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        [cookie] = peer.client.cookies.jar
        assert cookie.path == "/acp"
        assert peer.connection_id.endswith(f".{cookie.value}")
        assert (await peer.post(LIST)).status_code == 202


async def test_a_post_is_taken_with_202_and_no_body(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        answer = await peer.post(LIST)
        assert (answer.status_code, answer.content) == (202, b"")
        assert (await peer.result_of(1))["sessions"] == []


async def test_initialize_with_wrong_params_is_refused_with_a_rpc_error(gateway: GatewayProcess) -> None:
    async with http_peer(gateway.acp_over_http) as peer:
        answer = await peer.post(request(7, "initialize", {"protocolVersion": []}))
    assert answer.status_code == 400
    assert answer.json()["id"] == 7
    assert answer.json()["error"]["code"] == -32602
    assert CONNECTION_ID not in answer.headers


async def test_a_media_type_other_than_json_is_415(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        for media_type in ("text/plain", "application/jsonx", ""):
            headers = {**peer.headers(), "Content-Type": media_type}
            answer = await peer.client.post(peer.url, content=b"{}", headers=headers)
            check_problem(answer, 415, "unsupported-media-type")


async def test_json_with_a_charset_is_taken(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        headers = {**peer.headers(), "Content-Type": "Application/JSON; charset=utf-8"}
        body = b'{"jsonrpc":"2.0","id":1,"method":"session/list"}'
        answer = await peer.client.post(peer.url, content=body, headers=headers)
    assert answer.status_code == 202


async def test_a_get_that_takes_no_events_is_406(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        headers = {**peer.headers(), "Accept": "application/json"}
        check_problem(await peer.client.get(peer.url, headers=headers), 406, "not-acceptable")


async def test_a_request_without_a_connection_id_is_400(gateway: GatewayProcess) -> None:
    async with http_peer(gateway.acp_over_http) as peer:
        check_problem(await peer.post(LIST), 400, "invalid-request")
        events = {"Accept": "text/event-stream"}
        check_problem(await peer.client.get(peer.url, headers=events), 400, "invalid-request")
        check_problem(await peer.delete(), 400, "invalid-request")


@pytest.mark.parametrize("connection_id", ["conn_made-up", "conn_made-up.noreplica", "x" * 2000])
async def test_an_unknown_connection_is_404(gateway: GatewayProcess, connection_id: str) -> None:
    async with http_peer(gateway.acp_over_http) as peer:
        peer.connection_id = connection_id
        check_problem(await peer.post(LIST), 404, "connection-unknown", "connection")
        headers = {**peer.headers(), "Accept": "text/event-stream"}
        answer = await peer.client.get(peer.url, headers=headers)
        check_problem(answer, 404, "connection-unknown", "connection")
        check_problem(await peer.delete(), 404, "connection-unknown", "connection")


async def test_a_session_method_without_the_session_header_is_400(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        answer = await peer.post(request(1, "session/prompt", prompt(session_id, "say 1")))
        check_problem(answer, 400, "invalid-request")
        assert SESSION_ID in answer.json()["detail"]


async def test_a_header_and_params_that_name_different_sessions_are_400(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        answer = await peer.post(request(1, "session/prompt", prompt("sess_other", "say 1")), session_id)
        check_problem(answer, 400, "invalid-request")


async def test_an_unknown_session_is_404(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        answer = await peer.post(request(1, "session/prompt", prompt("sess_x", "say 1")), "sess_x")
        check_problem(answer, 404, "session-not-found", "application")
        headers = {**peer.headers("sess_x"), "Accept": "text/event-stream"}
        answer = await peer.client.get(peer.url, headers=headers)
        check_problem(answer, 404, "session-not-found", "application")


async def test_a_session_of_another_connection_is_404_until_it_is_loaded(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as owner,
        begun_http_peer(gateway.acp_over_http) as peer,
    ):
        session_id = await owner.new_session(workspace)
        turn = request(1, "session/prompt", prompt(session_id, "say 1"))
        check_problem(await peer.post(turn, session_id), 404, "session-not-found", "application")
        await peer.load(session_id, workspace)
        assert (await peer.post(turn, session_id)).status_code == 202


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "HEAD"])
async def test_other_http_methods_are_405(gateway: GatewayProcess, method: str) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        answer = await peer.client.request(method, peer.url, headers=peer.headers())
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST, DELETE"


async def test_a_batch_is_501(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        check_problem(await peer.post([LIST, LIST]), 501, "batch-unsupported")


async def test_a_body_over_the_limit_is_413(gateway: GatewayProcess) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        headers = {**peer.headers(), "Content-Type": "application/json"}
        body = b" " * (MAX_BODY_BYTES + 1)
        check_problem(await peer.client.post(peer.url, content=body, headers=headers), 413, "frame-too-large")
        assert (await peer.post(LIST)).status_code == 202


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "parse-error"),
        (b'{"jsonrpc":"2.0","id":1', "parse-error"),
        (b'{"jsonrpc":"2.0","id":1,"method":"session/list\xff"}', "parse-error"),
        (b"[" * 100_000, "parse-error"),
        (b'"session/list"', "invalid-request"),
        (b"[]", "invalid-request"),
        (b'{"jsonrpc":"1.0","id":1,"method":"session/list"}', "invalid-request"),
        (b'{"jsonrpc":"2.0","id":[1],"method":"session/list"}', "invalid-request"),
        (b'{"jsonrpc":"2.0","id":1}', "invalid-request"),
    ],
)
async def test_what_is_no_message_is_400(gateway: GatewayProcess, body: bytes, code: str) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        headers = {**peer.headers(), "Content-Type": "application/json"}
        check_problem(await peer.client.post(peer.url, content=body, headers=headers), 400, code)


async def test_an_error_of_a_request_comes_on_the_stream_with_the_same_three_fields(
    gateway: GatewayProcess,
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        await peer.start("no/such/method", {})
        error = (await peer.answer_to(1))["error"]
    assert error["code"] == -32601
    assert error["data"]["code"] == "method-not-found"
    assert error["data"]["category"] == "protocol"
    assert error["data"]["recovery"].endswith(".")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "rebound.example"},
        {"Host": "127.0.0.1.evil.example:80"},
    ],
)
async def test_a_page_of_another_origin_or_a_rebound_name_is_refused(
    gateway: GatewayProcess, headers: dict[str, str]
) -> None:
    async with http_peer(gateway.acp_over_http) as peer:
        hello = request(1, "initialize", initialize())
        check_problem(await peer.client.post(peer.url, json=hello, headers=headers), 400, "invalid-request")


async def test_a_deleted_connection_is_gone_and_its_sessions_are_not(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as peer:
        session_id = await peer.new_session(workspace)
        assert (await peer.delete()).status_code == 202
        await peer.stream_ended()
        await peer.stream_ended(session_id)
        check_problem(await peer.post(LIST), 404, "connection-unknown", "connection")
        check_problem(await peer.delete(), 404, "connection-unknown", "connection")
    async with begun_peer(gateway.acp_over_websocket) as other:
        await other.load(session_id, workspace)
        assert await other.prompt(session_id, "say 1") == "end_turn"
