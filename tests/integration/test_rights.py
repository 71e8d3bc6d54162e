"""A gateway that asks for credentials: who gets in, what they see of others, and how it ends."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from support.credentials import (
    http_with,
    key_id_of,
    new_key,
    new_token,
    refused_with,
    revoke_key,
    showing,
    socket_with,
)
from support.gateway_process import LUMILINK, GatewayProcess, scripted_agent_target
from support.guarded_gateway import Guarded
from support.peer import RefusedError
from support.waiting import becomes_true
from support.websocket_peer import websocket_peer
from support.workspace import Workspace
from websockets.asyncio.client import connect

from actors.protocol.identifiers import new_session_id
from serve.rights.addresses import is_loopback

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

UNKNOWN = new_session_id()
REVOKED_WITHIN_S = 5.0


@asynccontextmanager
async def session_of(guarded: Guarded, workspace: Workspace) -> AsyncIterator[str]:
    """A session of the user's, whose agent waits for an answer."""
    async with socket_with(guarded.socket, guarded.user) as peer:
        session_id = await peer.new_session(workspace)
        turn = await peer.start_prompt(session_id, "ask")
        question = await peer.question(session_id)
        yield session_id
        await peer.choose(question, "yes")
        await peer.result_of(turn)
        await peer.close_session(session_id)


async def test_without_a_credential_only_the_probes_answer(guarded: Guarded) -> None:
    assert guarded.get("/healthz").status_code == 200
    assert guarded.get("/readyz").status_code == 200
    for path in ("/api/v1/topology", "/api/v1/sessions", "/api/v1/events", "/sessions", "/acp"):
        answer = guarded.get(path)
        assert answer.status_code == 401, path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "authentication-required"
    assert await refused_with(guarded.socket) == 401
    assert await refused_with(f"ws://{guarded.gateway.host}/ws") == 401


async def test_a_key_that_is_not_right_in_every_part_lets_nobody_in(guarded: Guarded) -> None:
    wrong = guarded.user[:-1] + ("0" if guarded.user[-1] != "0" else "1")
    for credential in (wrong, "lk_", "x", new_token(aud="others"), new_token(-60)):
        assert await refused_with(guarded.socket, showing(credential)) == 401
    in_address = f"/api/v1/topology?key={guarded.admin}&access_token={guarded.admin}"
    assert guarded.get(in_address).status_code == 401


@pytest.mark.parametrize("kind", ["key", "token"])
async def test_a_user_works_by_either_transport(guarded: Guarded, workspace: Workspace, kind: str) -> None:
    credential = guarded.user if kind == "key" else new_token()
    async with socket_with(guarded.socket, credential) as peer:
        session_id = await peer.new_session(workspace)
        assert await peer.prompt(session_id, "say 2") == "end_turn"
    async with http_with(guarded.gateway.acp_over_http, credential) as http:
        await http.load(session_id, workspace)
        await http.open_stream(session_id)
        await http.close_session(session_id)


async def test_a_page_opens_a_socket_by_a_protocol_and_gets_no_credential_back(guarded: Guarded) -> None:
    offered = ["lumilink", f"lumilink.bearer.{guarded.user}"]
    async with connect(guarded.socket, subprotocols=offered) as socket:
        assert socket.subprotocol == "lumilink"
        assert socket.response is not None
        assert guarded.user not in str(socket.response.headers)
    watching = f"ws://{guarded.gateway.host}/ws"
    async with connect(watching, subprotocols=offered) as socket:
        assert "system:connected" in str(await socket.recv())


async def test_another_installation_is_told_the_same_of_a_session_as_of_none(
    guarded: Guarded, workspace: Workspace
) -> None:
    async with session_of(guarded, workspace) as session_id:
        async with socket_with(guarded.socket, guarded.stranger) as stranger:
            for attach in (stranger.load, stranger.resume, lambda one: stranger.attach(one, 0)):
                said = [await _refusal(attach(one)) for one in (session_id, UNKNOWN)]
                assert said[0].replace(session_id, UNKNOWN) == said[1]
            for method in ("session/prompt", "session/cancel", "session/close", "session/fork"):
                asked = {"sessionId": session_id, "cwd": "/", "mcpServers": [], "prompt": []}
                assert "session-not-found" in await _refusal(stranger.ask(method, asked))
            assert (await stranger.ask("session/list", {}))["sessions"] == []
        for path in (f"/api/v1/sessions/{session_id}/questions", f"/sessions/{session_id}/messages"):
            theirs = guarded.get(path, guarded.stranger)
            unknown = guarded.get(path.replace(session_id, UNKNOWN), guarded.stranger)
            # A place that was just given is known by its worker's next report at the latest.
            assert await becomes_true(lambda path=path: guarded.get(path, guarded.user).is_success, 5.0)
            assert theirs.status_code == unknown.status_code == 404, theirs.text
            assert theirs.text.replace(session_id, UNKNOWN) == unknown.text
        assert guarded.get("/sessions", guarded.stranger).text.count(session_id) == 0
        answer = httpx.post(
            f"{guarded.gateway.url}/api/v1/sessions/{session_id}/questions/1",
            json={"result": {}},
            headers=showing(guarded.stranger),
            timeout=30.0,
        )
        assert answer.status_code == 404


async def _refusal(asking: object) -> str:
    """What a request is refused with, in words."""
    with pytest.raises(RefusedError) as refused:
        await asking  # type: ignore[misc] # what a peer's methods return
    return f"{refused.value.code} {refused.value.message} {refused.value.data}"


async def test_connections_over_http_are_the_caller_s_own(guarded: Guarded) -> None:
    async with http_with(guarded.gateway.acp_over_http, guarded.user) as peer:
        for other in (guarded.stranger, guarded.viewer):
            answer = httpx.get(
                peer.url,
                headers={**peer.headers(), **showing(other), "Accept": "text/event-stream"},
                timeout=30.0,
            )
            assert (answer.status_code, answer.json()["code"]) == (404, "connection-unknown")


async def test_a_viewer_watches_and_changes_nothing(guarded: Guarded, workspace: Workspace) -> None:
    async with (
        session_of(guarded, workspace) as session_id,
        socket_with(guarded.socket, guarded.viewer) as viewer,
    ):
        assert "forbidden" in await _refusal(viewer.new_session(workspace))
        await viewer.load(session_id, workspace)
        question = await viewer.question(session_id)
        await viewer.choose(question, "no")
        assert "forbidden" in await _refusal(viewer.prompt(session_id, "say 1"))
        assert "forbidden" in await _refusal(viewer.close_session(session_id))
        await viewer.cancel(session_id)
        rows = (await viewer.ask("session/list", {}))["sessions"]
        [row] = [row for row in rows if row["sessionId"] == session_id]
        assert row["_meta"]["lumilink"]["roles"] == {"driver": 1, "observer": 1}
        asked = guarded.get(f"/api/v1/sessions/{session_id}/questions", guarded.viewer)
        assert len(asked.json()["questions"]) == 1


async def test_roles_end_at_what_they_are_for(guarded: Guarded) -> None:
    assert guarded.get("/api/v1/topology", guarded.user).status_code == 403
    assert guarded.get("/api/v1/keys", guarded.user).status_code == 403
    assert guarded.get("/api/v1/topology", guarded.admin).status_code == 200
    auditor = guarded.key("acme", "auditor")
    async with socket_with(guarded.socket, auditor) as peer:
        assert "forbidden" in await _refusal(peer.load(UNKNOWN))
        assert "forbidden" in await _refusal(peer.ask("session/list", {}))


async def test_a_revoked_key_closes_all_that_it_has_opened(guarded: Guarded) -> None:
    key = guarded.key("acme", "user")
    async with AsyncExitStack() as opened:
        # So many that both replicas hold some.
        sockets = [await opened.enter_async_context(socket_with(guarded.socket, key)) for _ in range(6)]
        http = [
            await opened.enter_async_context(http_with(guarded.gateway.acp_over_http, key)) for _ in range(4)
        ]
        watcher = await opened.enter_async_context(
            websocket_peer(f"ws://{guarded.gateway.host}/ws", showing(key))
        )
        other = await opened.enter_async_context(socket_with(guarded.socket, guarded.user))
        events = asyncio.create_task(_read_to_the_end(f"{guarded.gateway.url}/api/v1/events", key))
        await asyncio.sleep(0.5)

        await asyncio.to_thread(revoke_key, guarded.gateway.folder, "acme", key)
        async with asyncio.timeout(REVOKED_WITHIN_S):
            assert {await one.close_code() for one in (*sockets, watcher)} == {4401}
            await asyncio.gather(*(one.stream() for one in http))
            await events
        assert await refused_with(guarded.socket, showing(key)) == 401
        assert guarded.get("/api/v1/sessions", key).status_code == 401
        await other.ask("session/list", {})


async def _read_to_the_end(url: str, credential: str) -> None:
    timeout = httpx.Timeout(30.0)
    async with (
        httpx.AsyncClient(headers=showing(credential), timeout=timeout) as client,
        client.stream("GET", url) as answer,
    ):
        assert answer.status_code == 200
        async for _ in answer.aiter_bytes():
            pass


async def test_a_token_that_expires_closes_what_it_has_opened(guarded: Guarded) -> None:
    async with socket_with(guarded.socket, new_token(2.0)) as peer:
        expires_at = time.monotonic() + 2.0
        assert await peer.close_code() == 4401
        assert time.monotonic() - expires_at < REVOKED_WITHIN_S


async def test_a_browser_signs_in_by_its_key_and_out_again(guarded: Guarded) -> None:
    key = guarded.key("acme", "operator")
    with httpx.Client(base_url=guarded.gateway.url, timeout=30.0) as browser:
        refused = browser.post("/console/session", json={"key": "lk_nothing"})
        assert refused.status_code == 401
        answer = browser.post("/console/session", json={"key": key})
        assert answer.status_code == 200, answer.text
        cookie = answer.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert key_id_of(key) not in cookie.split(";")[0] or key.rpartition("_")[2] not in cookie
        assert browser.get("/api/v1/topology").status_code == 200
        evil = {"Origin": "http://evil.example"}
        assert browser.put("/api/v1/pool", json={"workers": 1}, headers=evil).status_code == 400
        session = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
        assert await refused_with(guarded.socket, session) == 101
        assert browser.delete("/console/session").status_code == 204
        assert browser.get("/api/v1/topology").status_code == 401

        revoke_key(guarded.gateway.folder, "acme", key)
        await asyncio.sleep(REVOKED_WITHIN_S / 2)
        assert httpx.get(f"{guarded.gateway.url}/api/v1/topology", headers=session).status_code == 401


async def test_an_admin_makes_and_revokes_keys_of_its_own_installation(guarded: Guarded) -> None:
    with httpx.Client(base_url=guarded.gateway.url, headers=showing(guarded.admin), timeout=30.0) as admin:
        made = admin.post("/api/v1/keys", json={"user": "bob", "roles": ["viewer"]})
        assert made.status_code == 201, made.text
        key, key_id = made.json()["key"], made.json()["id"]
        guarded.secrets.append(key.rpartition("_")[2])
        assert guarded.get("/sessions", key).status_code == 200
        listed = admin.get("/api/v1/keys").json()["items"]
        assert key_id in [row["id"] for row in listed]
        assert "key" not in listed[0]
        assert key_id_of(guarded.stranger) not in [row["id"] for row in listed]
        assert admin.delete(f"/api/v1/keys/{key_id_of(guarded.stranger)}").status_code == 404
        assert guarded.get("/api/v1/keys", guarded.stranger).status_code == 200
        assert admin.delete(f"/api/v1/keys/{key_id}").status_code == 204
        assert admin.post("/api/v1/keys", json={"user": "bob", "roles": ["king"]}).status_code == 400


def test_the_command_line_shows_a_key_from_a_file_or_the_environment(
    guarded: Guarded, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{guarded.admin}\n")
    command = [str(LUMILINK), "status", "--url", guarded.gateway.url]
    environment = {"PATH": "/usr/bin:/bin"}

    def run(*more: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more],
            env=environment | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    by_file, by_variable, by_nothing = run("--key-file", str(file)), run(LUMILINK_KEY=guarded.admin), run()

    assert (by_file.returncode, by_variable.returncode, by_nothing.returncode) == (0, 0, 1), by_file.stderr
    assert "no credential" in by_nothing.stderr


def test_chat_shows_a_key_too(guarded: Guarded, tmp_path: Path) -> None:
    (tmp_path / "behaviour").write_text("scripted")
    environment = {"PATH": "/usr/bin:/bin", "LUMILINK_KEY": guarded.user}
    ended = subprocess.run(
        [str(LUMILINK), "chat", "--url", guarded.gateway.url],
        input="say 1\n",
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode == 0, ended.stderr
    assert "0." in ended.stdout or "1" in ended.stdout


def test_no_key_is_in_any_file_of_the_gateway(guarded: Guarded) -> None:
    folders = (guarded.gateway.folder, guarded.gateway.temp)
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    found = [
        str(file) for file in files for secret in guarded.secrets if secret.encode() in file.read_bytes()
    ]

    assert len(files) > 20
    assert guarded.secrets
    assert found == []


def address_of_this_machine() -> str | None:
    """One by which other machines reach it."""
    found = [one.address for addresses in psutil.net_if_addrs().values() for one in addresses]
    return next((one for one in found if re.fullmatch(r"[0-9.]+", one) and not is_loopback(one)), None)


@pytest.mark.skipif(address_of_this_machine() is None, reason="this machine has no address but loopback")
def test_with_authentication_other_machines_get_as_far_as_their_credential(tmp_path: Path) -> None:
    with GatewayProcess(
        tmp_path, scripted_agent_target(), listens="0.0.0.0", auth="keys", dashboard=False
    ) as gateway:
        key = new_key(tmp_path, "acme", "admin")
        topology = f"http://{address_of_this_machine()}:{gateway.port}/api/v1/topology"
        assert httpx.get(topology, timeout=30.0).status_code == 401
        assert httpx.get(topology, headers=showing(key), timeout=30.0).status_code == 200
        rebound = {**showing(key), "Origin": "http://evil.example"}
        assert (
            httpx.get(topology.replace("topology", "keys"), headers=rebound, timeout=30.0).status_code == 400
        )
