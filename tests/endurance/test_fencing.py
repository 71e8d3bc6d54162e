"""A worker that was only thought dead: it comes to, and can neither show nor journal anything any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import psutil
import pytest
from support.gateway_process import GatewayProcess, scripted_agent_target
from support.journal_reading import check_promises, entries_of, notes_of, outcomes_of
from support.messages import cursors, numbers, said
from support.peer import RefusedError
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

from actors.connection.events import EventKind

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(120, func_only=True),
]

MOVED_S = 40.0
"""Until a link counts as dead, 10 s, and the worker too."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(
        tmp_path_factory.mktemp("fencing"), scripted_agent_target(), workers=2, dashboard=False
    ) as running:
        yield running


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_a_worker_that_was_silent_for_too_long_shows_and_journals_nothing_more(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as first,
        begun_peer(gateway.acp_over_websocket) as second,
    ):
        session_id = await first.new_session(workspace)
        await second.load(session_id, workspace)
        turn = await first.start_prompt(session_id, "drip 5000 10")
        await first.hears(session_id, "20 ")
        silent = gateway.worker_of(workspace)
        [its_agent] = gateway.agents()
        silent.suspend()
        try:
            with pytest.raises(RefusedError) as ended:
                await first.result_of(turn, MOVED_S)
            assert ended.value.data["code"] == "turn-interrupted"
            assert await second.prompt(session_id, "say 5", MOVED_S) == "end_turn"
            turn = await second.start_prompt(session_id, "drip 300 10")
            await second.hears(session_id, "40 ")
        finally:
            silent.resume()
        # It has the agent's words of many seconds to tell, and nobody to tell them to.
        assert (await second.result_of(turn))["stopReason"] == "end_turn"
        assert await becomes_true(partial(is_gone, silent), 10.0)
        assert await becomes_true(partial(is_gone, its_agent), 10.0)
        assert await first.prompt(session_id, "say 350") == "end_turn"
        await second.hears(session_id, "350 ")
        dripped = len(numbers(first.messages, session_id)) - 5 - 300 - 350
        expected = [number for count in (dripped, 5, 300, 350) for number in range(1, count + 1)]
        for peer in (first, second):
            assert numbers(peer.messages, session_id) == expected
            seqs = cursors(peer.messages, session_id)
            assert seqs == sorted(set(seqs))
        async with begun_peer(gateway.acp_over_websocket) as fresh:
            await fresh.load(session_id, workspace)
            assert said(fresh.messages, session_id) == said(first.messages, session_id)

    entries = await entries_of(gateway.folder, session_id)
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    activated = notes_of(entries, EventKind.ACTIVATED)
    fences = [note["fence"] for note in activated]
    assert fences == sorted(set(fences))
    assert len({note["worker"] for note in activated}) == len(activated) == 2
    assert outcomes_of(entries) == ["interrupted", "completed", "completed", "completed"]
    await check_promises(gateway.folder)


async def test_a_worker_that_was_silent_for_a_moment_only_goes_on_as_if_nothing_had_been(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    assert await becomes_true(lambda: len(gateway.workers()) == 2, MOVED_S)
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        turn = await peer.start_prompt(session_id, "drip 300 10")
        await peer.hears(session_id, "20 ")
        silent = gateway.worker_of(workspace)
        silent.suspend()
        await asyncio.sleep(3.0)
        silent.resume()
        assert (await peer.result_of(turn))["stopReason"] == "end_turn"
        assert numbers(peer.messages, session_id) == list(range(1, 301))
        assert gateway.worker_of(workspace) == silent
    entries = await entries_of(gateway.folder, session_id)
    assert len(notes_of(entries, EventKind.ACTIVATED)) == 1
    assert outcomes_of(entries) == ["completed"]
