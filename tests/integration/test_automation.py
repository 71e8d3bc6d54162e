"""A turn's changes become a branch, a commit, an issue and a pull request: a real gateway, real git."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.agentapi_server import agentapi_server
from support.automated import (
    BLOCKED,
    OWNER,
    GitHubProcess,
    automated_gateway,
    deliver,
    delivery,
    github_process,
    holds_token,
)
from support.gateway_process import GatewayProcess, free_port
from support.messages import Json
from support.peer import Peer
from support.websocket_peer import WebSocketPeer, begun_peer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240, func_only=True)]


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubProcess]:
    with github_process(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture(scope="module")
def agent_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def automated(
    tmp_path_factory: pytest.TempPathFactory, github: GitHubProcess, agent_port: int
) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("automated-gateway")
    fallback = f"agentapi+http://127.0.0.1:{agent_port}"
    with automated_gateway(folder, github, fallback_agent=fallback, automation_defer_most_s=60.0) as running:
        yield running


@pytest.fixture
async def peer(automated: GatewayProcess) -> AsyncIterator[WebSocketPeer]:
    async with begun_peer(automated.acp_over_websocket) as begun:
        yield begun


async def turn(peer: Peer, session_id: str, text: str, **wish: object) -> Json:
    """A whole turn, in which everything is allowed; what its answer says of the automation."""
    params: Json = {"sessionId": session_id, "prompt": [{"type": "text", "text": text}]}
    if wish:
        params["_meta"] = {"lumilink": {"automation": wish}}
    count = sum(is_question(one, session_id) for one in peer.messages)
    request_id = await peer.start("session/prompt", params)
    if text.startswith(("write", "edit")):
        asked = await peer.several(lambda one: is_question(one, session_id), count + 1)
        await peer.choose(asked[-1], "allow-once")
    result = await peer.result_of(request_id)
    assert result["stopReason"] == "end_turn"
    found: Json = result["_meta"]["lumilink"]["automation"]
    return found


def is_question(message: Json, session_id: str) -> bool:
    params = message.get("params")
    asks = message.get("method") == "session/request_permission" and isinstance(params, dict)
    return asks and params.get("sessionId") == session_id


def notices(peer: Peer, session_id: str) -> list[Json]:
    told = [one["params"] for one in peer.messages if one.get("method") == "_lumilink/notice"]
    return [one for one in told if one.get("sessionId") == session_id and one["entry"] == "automation"]


async def recorded(gateway: GatewayProcess, path: str, **query: object) -> list[Json]:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{gateway.url}/api/v1/{path}", params=query, timeout=10.0)  # type: ignore[arg-type]
    items: list[Json] = answer.raise_for_status().json()["items"]
    return items


async def until_recorded(gateway: GatewayProcess, summary_id: str, **wanted: Any) -> Json:
    """The record of a summary, once it has these members."""
    deadline = time.monotonic() + 20.0
    while True:
        for one in await recorded(gateway, "automations", limit=200):
            if one["summaryId"] == summary_id and all(one[name] == value for name, value in wanted.items()):
                return one
        assert time.monotonic() < deadline, f"no record {summary_id} with {wanted}"
        await asyncio.sleep(0.1)


async def until_said(gateway: GatewayProcess, session_id: str, summary_ids: set[str]) -> None:
    """Wait until the session's transcript tells of these summaries, and of no others."""
    deadline = time.monotonic() + 20.0
    while True:
        transcript = await recorded(gateway, f"sessions/{session_id}/transcript")
        said = {one["summaryId"] for one in transcript if one["eventType"] == "automation"}
        if said == summary_ids:
            return
        assert time.monotonic() < deadline, said
        await asyncio.sleep(0.1)


async def test_the_whole_story_from_a_prompt_to_a_merge(
    automated: GatewayProcess, github: GitHubProcess, peer: WebSocketPeer, tmp_path: Path
) -> None:
    checkout = github.checkout(tmp_path / "shop", "shop")
    session_id = await peer.new_session(checkout)
    first = await turn(peer, session_id, "write cart.txt apples", issue={"title": "Carts are empty"})

    assert (first["status"], first["issue"]["title"]) == ("success", "Carts are empty"), first
    branch = first["pullRequest"]["branch"]
    there = github.repository("shop")
    assert there["branches"][branch] == first["commit"]["sha"]
    assert github.show("shop", branch, "cart.txt") == "apples\n"
    assert github.show("shop", branch, "README.md") == "A shop.\n"
    assert [one["number"] for one in there["pulls"]] == [first["pullRequest"]["number"]]
    assert f"Closes #{first['issue']['number']}" in there["pulls"][0]["body"]

    second = await turn(peer, session_id, "write cart.txt pears")
    assert second["pullRequest"] == first["pullRequest"]
    assert github.commits("shop", branch)[:2] == ["write cart.txt pears", "write cart.txt apples"]
    assert len(github.repository("shop")["pulls"]) == 1
    third = await turn(peer, session_id, "help")
    assert (third["status"], third["skipReason"]) == ("skipped", "nothing-changed")

    assert [one["kind"] for one in notices(peer, session_id)] == [
        "automation-done",
        "automation-done",
        "automation-skipped",
    ]
    record = await until_recorded(automated, first["summaryId"])
    assert {name: record[name] for name in first} == first
    await until_recorded(automated, third["summaryId"])
    await until_said(automated, session_id, {one["summaryId"] for one in (first, second, third)})

    await _merge(automated, session_id, first, peer)
    assert holds_token(automated.folder) == holds_token(checkout) == []


async def _merge(automated: GatewayProcess, session_id: str, summary: Json, peer: WebSocketPeer) -> None:
    number = summary["pullRequest"]["number"]
    merged = delivery("closed", "shop", number, "2030-01-01T00:00:05Z", merged=True)
    assert deliver(automated, merged, secret="wrong").status_code == 403
    assert deliver(automated, merged, "d-1").json() == {"workspaces": 1}
    assert deliver(automated, merged, "d-1").json() == {"workspaces": 0}
    late = delivery("reopened", "shop", number, "2030-01-01T00:00:01Z")
    assert deliver(automated, late, "d-0").json() == {"workspaces": 0}
    record = await until_recorded(
        automated, summary["summaryId"], pullRequest=summary["pullRequest"] | {"state": "merged"}
    )
    assert record["status"] == "success"
    told = notices(peer, session_id)[-1]
    assert (told["kind"], told["toast"]) == ("automation-pull-request", f"Pull request #{number} was merged.")


async def test_what_keeps_a_run_from_being_done_is_told_and_recorded(
    automated: GatewayProcess, github: GitHubProcess, peer: WebSocketPeer, tmp_path: Path
) -> None:
    blocked = github.checkout(tmp_path / "blocked", BLOCKED)
    archived = github.checkout(tmp_path / "archived", "archived")
    github.control("repository", owner=OWNER, name="archived", archived=True)
    read_only = github.checkout(tmp_path / "readonly", "readonly")
    github.control("repository", owner=OWNER, name="readonly", may_push=False)
    plain = tmp_path / "plain"
    plain.mkdir()
    places = {blocked: "repo-blocked", archived: "repo-blocked", read_only: "repo-blocked", plain: "other"}
    for place, reason in places.items():
        session_id = await peer.new_session(place)
        told = await turn(peer, session_id, "write new.txt x")
        assert (told["status"], told["skipReason"]) == ("skipped", reason), told
        [notice] = notices(peer, session_id)
        assert (notice["skipReason"], notice["toast"]) == (reason, told["toastMessage"])
        await until_recorded(automated, told["summaryId"], skipReason=reason)


async def test_a_prompt_may_turn_it_off_and_a_client_may_ask_for_it_later(
    automated: GatewayProcess, github: GitHubProcess, peer: WebSocketPeer, tmp_path: Path
) -> None:
    checkout = github.checkout(tmp_path / "later", "later")
    session_id = await peer.new_session(checkout)
    params = {"sessionId": session_id, "prompt": [{"type": "text", "text": "help"}]}
    off = await peer.ask("session/prompt", params | {"_meta": {"lumilink": {"automation": False}}})
    told = off["_meta"]["lumilink"]["automation"]
    assert (told["status"], told["skipReason"]) == ("skipped", "automation-disabled")

    (checkout / "by-hand.txt").write_text("1\n")
    made = await peer.ask("_lumilink/automation/run", {"sessionId": session_id, "title": "By hand"})
    assert (made["status"], made["commit"]["message"]) == ("success", "By hand")
    (checkout / "by-hand.txt").write_text("2\n")
    async with httpx.AsyncClient() as http:
        url = f"{automated.url}/api/v1/sessions/{session_id}/automation"
        answers = [
            await http.post(url, headers={"Idempotency-Key": "k"}, json={"title": "Again"}, timeout=15.0)
            for _ in range(2)
        ]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert github.commits("later", made["pullRequest"]["branch"])[:2] == ["Again", "By hand"]


async def test_a_limit_defers_a_run_which_then_goes_on_by_itself(
    automated: GatewayProcess, github: GitHubProcess, peer: WebSocketPeer, tmp_path: Path
) -> None:
    checkout = github.checkout(tmp_path / "limited", "limited")
    session_id = await peer.new_session(checkout)
    github.control("faults", calls="POST /repos/acme/limited/pulls", status=429, headers={"retry-after": "2"})
    told = await turn(peer, session_id, "write new.txt x")

    assert told["status"] == "success"
    assert told["durationMs"] >= 2000
    assert len(github.repository("limited")["pulls"]) == 1


async def test_over_acp_and_over_agentapi_the_same_is_said(
    automated: GatewayProcess, github: GitHubProcess, peer: WebSocketPeer, agent_port: int, tmp_path: Path
) -> None:
    found = []
    for name in ("byacp", "byhttp"):
        checkout = github.checkout(tmp_path / name, name)
        (checkout / "note.txt").write_text("the same\n")
        found.append(checkout)
    over_acp = await turn(peer, await peer.new_session(found[0]), "help")
    async with agentapi_server(port=agent_port, transport="pty"):
        async with httpx.AsyncClient() as http:
            session_id = await peer.new_session(found[1])
            sessions = await recorded_workspace(automated, session_id)
            url = f"{automated.url}/api/v1/workspaces/{sessions}/protocol/rollback"
            (await http.post(url, json={}, timeout=10.0)).raise_for_status()
            await peer.first(lambda one: one.get("params", {}).get("kind") == "rolled-back")
        over_http = await turn(peer, session_id, "help")

    assert over_acp["status"] == "success"
    assert _without_ids(over_acp) == _without_ids(over_http)


async def recorded_workspace(gateway: GatewayProcess, session_id: str) -> str:
    deadline = time.monotonic() + 20.0
    while True:
        for one in await recorded(gateway, "sessions", limit=200):
            if one["sessionId"] == session_id:
                return str(one["workspaceId"])
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


def _without_ids(summary: Json) -> str:
    text = json.dumps(summary)
    text = re.sub(r'"(durationMs|at)": \d+', r'"\1": 0', text)
    text = re.sub(r'"createdAt": "[^"]+"', '"createdAt": ""', text)
    text = re.sub(r"[0-9a-f]{40}", "sha", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "uuid", text)
    text = re.sub(r'"sessionId": "[^"]+"', '"sessionId": ""', text)
    text = re.sub(r"lumilink/\w+", "branch", text)
    text = re.sub(r'"workspaceId": "[^"]+"', '"workspaceId": ""', text)
    return re.sub(r"by(acp|http)", "repository", text)
