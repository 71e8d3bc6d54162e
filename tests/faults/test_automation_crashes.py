"""A worker is killed while it automates, and a gateway is stopped while a run is deferred.

People are asked before anything is pushed, and are not asked again about what they let through.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.automated import GitHubProcess, automated_gateway, github_process
from support.gateway_process import GatewayProcess
from support.messages import Json
from support.peer import Peer
from support.websocket_peer import begun_peer

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(240, func_only=True)]

PULLS = "POST /repos/acme/{}/pulls"


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubProcess]:
    with github_process(tmp_path_factory.mktemp("github")) as running:
        yield running


@pytest.fixture(scope="module")
def automated(tmp_path_factory: pytest.TempPathFactory, github: GitHubProcess) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("automated")
    asking = {"automation_wait_s": 1.0, "automation_approval": True}
    with automated_gateway(folder, github, **asking) as running:
        yield running


async def until(wanted: object, within_s: float = 60.0) -> None:
    assert callable(wanted)
    deadline = time.monotonic() + within_s
    while not wanted():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.2)


async def approve(peer: Peer, session_id: str) -> None:
    """Look at the changes, and let them through."""
    question = await peer.question(session_id)
    shown = question["params"]["toolCall"]["content"][0]["content"]["text"]
    assert "+apples" in shown
    await peer.choose(question, "push")


def pulls(github: GitHubProcess, name: str) -> list[Json]:
    found: list[Json] = github.repository(name)["pulls"]
    return found


async def test_a_worker_killed_in_the_midst_of_a_run_loses_nothing_and_doubles_nothing(
    automated: GatewayProcess, github: GitHubProcess, tmp_path: Path
) -> None:
    checkout = github.checkout(tmp_path / "shop", "shop")
    (checkout / "cart.txt").write_text("apples\n")
    # The pull request is made, and its answer never comes: the worst moment there is.
    github.control("faults", calls=PULLS.format("shop"), status=0, after=True)
    async with begun_peer(automated.acp_over_websocket) as peer:
        session_id = await peer.new_session(checkout)
        text = [{"type": "text", "text": "help"}]
        issue = {"lumilink": {"automation": {"issue": {"title": "Carts are empty"}}}}
        params = {"sessionId": session_id, "prompt": text, "_meta": issue}
        answer = await peer.ask("session/prompt", params)
        assert answer["_meta"]["lumilink"]["automation"]["status"] == "pending"
        await approve(peer, session_id)
        await until(lambda: PULLS.format("shop") in github.calls())
        [worker] = automated.workers()
        worker.kill()
        done = await peer.first(
            lambda one: one.get("params", {}).get("kind") == "automation-done", within_s=90.0
        )
    assert "pull request #" in done["params"]["toast"]
    assert len(pulls(github, "shop")) == 1
    assert len(github.repository("shop")["issues"]) == 1
    assert github.commits("shop", pulls(github, "shop")[0]["head"])[0] == "help"


async def test_a_run_that_is_deferred_goes_on_after_the_gateway_was_stopped_and_started(
    automated: GatewayProcess, github: GitHubProcess, tmp_path: Path
) -> None:
    checkout = github.checkout(tmp_path / "later", "later")
    (checkout / "cart.txt").write_text("apples\n")
    limited = {"retry-after": "30"}
    github.control("faults", calls=PULLS.format("later"), status=429, headers=limited)
    async with begun_peer(automated.acp_over_websocket) as peer:
        session_id = await peer.new_session(checkout)
        text = [{"type": "text", "text": "help"}]
        answer = await peer.ask("session/prompt", {"sessionId": session_id, "prompt": text})
        assert answer["_meta"]["lumilink"]["automation"]["status"] == "pending"
        assert github.repository("later")["branches"].keys() == {"main"}
        await approve(peer, session_id)
        await peer.first(lambda one: one.get("params", {}).get("kind") == "automation-deferred")
    automated.stop()
    assert pulls(github, "later") == []
    automated.start()
    automated.wait_until_ready()
    # Nobody comes back to the session: the gateway goes on by itself.
    await until(lambda: len(pulls(github, "later")) == 1, 90.0)
    async with begun_peer(automated.acp_over_websocket) as peer:
        await peer.attach(session_id, 0)
        await peer.first(lambda one: one.get("params", {}).get("kind") == "automation-done")
