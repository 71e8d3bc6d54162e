"""A gateway that is stopped or killed and started again on its data directory goes on with its sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support.editor import begun_editor
from support.gateway_process import GatewayProcess, free_port, run_to_its_end, scripted_agent_target
from support.journal_reading import check_promises, entries_of, outcomes_of
from support.messages import cursors, numbers, texts
from support.peer import RefusedError
from support.tidying import sessions_of
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(180, func_only=True),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway that each test stops and starts again."""
    folder = tmp_path_factory.mktemp("restart")
    with GatewayProcess(folder, scripted_agent_target(), dashboard=False) as running:
        yield running


WAITING = 6


def kill(gateway: GatewayProcess) -> None:
    """``kill -9``; its watchdog ends the rest."""
    gateway.process.kill()
    gateway.process.wait()
    assert gateway.left_after(30.0) == []


def start_again(gateway: GatewayProcess) -> None:
    gateway.start()
    gateway.wait_until_ready()


@dataclass
class Sessions:
    """One in each state. ``queued`` has a turn that runs, and a prompt that waits for it."""

    idle: str
    busy: str
    queued: str
    asking: str
    closed: str

    @classmethod
    async def begin(cls, peer: WebSocketPeer, workspace: Workspace) -> Sessions:
        found = cls(*[await peer.new_session(workspace) for _ in range(5)])
        await peer.result_of(await peer.start_prompt(found.idle, "say 3", "done"))
        await peer.start_prompt(found.busy, "say 2\nhang", "running")
        await peer.start_prompt(found.queued, "say 2\nhang")
        for session_id in (found.busy, found.queued):
            await peer.hears(session_id, "2 ")
        await peer.start_prompt(found.queued, "say 9", "waiting")
        await peer.told("_lumilink/queued")
        await peer.start_prompt(found.asking, "ask")
        await peer.question(found.asking)
        assert await peer.prompt(found.closed, "say 1") == "end_turn"
        await peer.close_session(found.closed)
        return found


async def code_of(peer: WebSocketPeer, turn: int) -> str:
    """The code of the error that a turn ended with."""
    with pytest.raises(RefusedError) as ended:
        await peer.result_of(turn)
    return str(ended.value.data["code"])


@pytest.mark.parametrize("stop", [GatewayProcess.stop, kill])
async def test_every_session_goes_on_from_the_state_that_it_was_in(
    gateway: GatewayProcess, workspace: Workspace, stop: Callable[[GatewayProcess], None]
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        sessions = await Sessions.begin(peer, workspace)
        await asyncio.to_thread(stop, gateway)
        await peer.close_code()
    await asyncio.to_thread(start_again, gateway)

    async with begun_peer(gateway.acp_over_websocket) as peer:
        listed = await sessions_of(peer)
        kept = {sessions.idle, sessions.busy, sessions.queued, sessions.asking}
        assert kept <= set(listed)
        assert len(listed) == len(set(listed))
        assert sessions.closed not in listed
        with pytest.raises(RefusedError) as refused:
            await peer.load(sessions.closed, workspace)
        assert refused.value.data["code"] == "session-not-found"
        await check_idle(peer, sessions.idle)
        await check_interrupted(gateway, peer, sessions.busy)
        await check_queued(peer, sessions.queued)
        await check_asking(gateway, peer, sessions.asking)
    once = ["ask", "say 1", "say 3", "say 4", "say 5", "say 6", "say 9"]
    assert sorted(workspace.prompts()) == sorted([*once, "say 2\nhang", "say 2\nhang"])
    await check_promises(gateway.folder)


async def check_idle(peer: WebSocketPeer, session_id: str) -> None:
    """Its turn has its outcome for ever, and the next one joins on."""
    await peer.load(session_id)
    assert (await peer.result_of(await peer.start_prompt(session_id, "say 3", "done")))["stopReason"] == (
        "end_turn"
    )
    assert await peer.prompt(session_id, "say 4") == "end_turn"
    assert numbers(peer.messages, session_id) == [*range(1, 4), *range(1, 5)]
    seqs = cursors(peer.messages, session_id)
    assert seqs == sorted(set(seqs))


async def check_interrupted(gateway: GatewayProcess, peer: WebSocketPeer, session_id: str) -> None:
    """Its turn is interrupted, once, however often it is looked at."""
    for _ in range(2):
        await peer.resume(session_id)
        assert await code_of(peer, await peer.start_prompt(session_id, "say 2\nhang", "running")) == (
            "turn-interrupted"
        )
    assert outcomes_of(await entries_of(gateway.folder, session_id)) == ["interrupted"]
    assert await peer.prompt(session_id, "say 5") == "end_turn"
    assert numbers(peer.messages, session_id) == [*range(1, 6)]
    assert outcomes_of(await entries_of(gateway.folder, session_id)) == ["interrupted", "completed"]


async def check_queued(peer: WebSocketPeer, session_id: str) -> None:
    """What waited was never started, so that its repeat runs."""
    await peer.load(session_id)
    assert (await peer.result_of(await peer.start_prompt(session_id, "say 9", "waiting")))["stopReason"] == (
        "end_turn"
    )
    assert numbers(peer.messages, session_id) == [1, 2, *range(1, 10)]


async def check_asking(gateway: GatewayProcess, peer: WebSocketPeer, session_id: str) -> None:
    """Its question went with the agent that asked it."""
    await peer.load(session_id)
    async with httpx.AsyncClient() as http:
        open_ones = await http.get(f"{gateway.url}/api/v1/sessions/{session_id}/questions")
    assert open_ones.json()["questions"] == []
    assert await peer.prompt(session_id, "say 6") == "end_turn"
    assert not [message for message in peer.messages if "id" in message and "method" in message]


async def test_a_prompt_that_waits_when_the_gateway_is_killed_is_not_begun_while_it_dies(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        places = [Workspace(tmp_path / f"ws-{number}") for number in range(WAITING)]
        sessions = [await peer.new_session(place) for place in places]
        for session_id in sessions:
            await peer.start_prompt(session_id, "say 2\nhang", "running")
            await peer.hears(session_id, "2 ")
            await peer.start_prompt(session_id, "say 9", "waiting")
        await peer.several(lambda message: message.get("method") == "_lumilink/queued", WAITING)
        await asyncio.to_thread(kill, gateway)
    assert [place.prompts() for place in places] == [["say 2\nhang"]] * WAITING
    for session_id in sessions:
        assert outcomes_of(await entries_of(gateway.folder, session_id)) == []
    await asyncio.to_thread(start_again, gateway)
    await check_promises(gateway.folder)


async def test_an_editor_notices_nothing_of_a_restart_but_the_end_of_the_turn_that_ran(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_editor(gateway.url) as editor:
        session_id = await editor.new_session(workspace)
        assert await editor.prompt(session_id, "say 3") == "end_turn"
        running = await editor.start_prompt(session_id, "say 2\nhang")
        await editor.several(lambda message: texts([message], session_id) == ["2 "], 2)
        await asyncio.to_thread(gateway.stop)
        during = await editor.start_prompt(session_id, "say 4")
        await asyncio.to_thread(start_again, gateway)
        with pytest.raises(RefusedError) as ended:
            await editor.result_of(running)
        assert ended.value.data["code"] == "turn-interrupted"
        assert (await editor.result_of(during))["stopReason"] == "end_turn"
        assert await editor.prompt(session_id, "say 5") == "end_turn"
        expected = [number for count in (3, 2, 4, 5) for number in range(1, count + 1)]
        assert numbers(editor.messages, session_id) == expected
    assert workspace.prompts() == ["say 3", "say 2\nhang", "say 4", "say 5"]


def test_a_second_gateway_on_the_same_data_is_refused_in_one_line(gateway: GatewayProcess) -> None:
    data = gateway.folder / "data"
    flags = ["up", "--port", str(free_port()), "--data-dir", str(data)]
    ended = run_to_its_end(flags, gateway.folder)
    assert ended.returncode == 2
    assert ended.stdout == ""
    line, recovery = ended.stderr.splitlines()
    assert str(data) in line
    assert "in use by another gateway" in line
    assert recovery.endswith(".")
