"""Sessions and the clients that watch them: several at once, some that leave, some that come back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.gateway_process import GatewayProcess
from support.messages import FIRST_SHOWN, Json, cursors, numbers, texts
from support.peer import RefusedError
from support.tidying import sessions_of, settles_at
from support.websocket_peer import WebSocketPeer, begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]


def position_of(peer: WebSocketPeer, wanted: Json) -> int:
    return next(index for index, message in enumerate(peer.messages) if message is wanted)


async def test_a_load_replays_the_whole_conversation_before_its_answer(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as first:
        session_id = await first.new_session(workspace)
        await first.prompt(session_id, "say 3")
        await first.prompt(session_id, "say 2")
    async with begun_peer(gateway.acp_over_websocket) as second:
        request_id = await second.start(
            "session/load", {"sessionId": session_id, "cwd": str(workspace), "mcpServers": []}
        )
        answer = await second.answer_to(request_id)
        replayed = second.messages[: position_of(second, answer)]
    told = [message["params"]["update"]["content"]["text"] for message in replayed if "method" in message]
    assert told == ["say 3", "1 ", "2 ", "3 ", "say 2", "1 ", "2 "]
    assert texts(replayed, session_id, "user_message_chunk") == ["say 3", "say 2"]


async def test_a_resume_replays_nothing_and_goes_on(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_peer(gateway.acp_over_websocket) as first:
        session_id = await first.new_session(workspace)
        await first.prompt(session_id, "say 3")
    async with begun_peer(gateway.acp_over_websocket) as second:
        await second.ask("session/resume", {"sessionId": session_id, "cwd": str(workspace), "mcpServers": []})
        assert await second.prompt(session_id, "say 2") == "end_turn"
        assert numbers(second.messages, session_id) == [1, 2]


@pytest.mark.parametrize("seen", [0, 1, 4, 7])
async def test_attach_by_cursor_shows_exactly_what_came_after(
    gateway: GatewayProcess, workspace: Workspace, seen: int
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as first:
        session_id = await first.new_session(workspace)
        await first.prompt(session_id, "say 6")
    async with begun_peer(gateway.acp_over_websocket) as second:
        found = await second.ask("_lumilink/session/attach", {"sessionId": session_id, "afterSeq": seen})
        # Nobody is shown how the session, its connection and the turn began, nor the turn's end; the prompt
        # and six updates, between these, are shown.
        assert (found["seq"], found["reset"]) == (12, False)
        assert cursors(second.messages, session_id) == list(range(max(seen + 1, FIRST_SHOWN), 12))


async def test_attach_beyond_the_newest_event_is_refused(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        with pytest.raises(RefusedError) as refused:
            await peer.ask("_lumilink/session/attach", {"sessionId": session_id, "afterSeq": 99})
    assert (refused.value.code, refused.value.data["code"]) == (-32602, "invalid-params")


async def test_a_turn_goes_on_while_its_client_is_away(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_peer(gateway.acp_over_websocket) as first:
        session_id = await first.new_session(workspace)
        await first.start_prompt(session_id, "say 5\nawait go\nsay 500")
        await first.hears(session_id, "5 ")
    workspace.signal("go")
    async with begun_peer(gateway.acp_over_websocket) as second:
        await second.load(session_id, workspace)
        await second.hears(session_id, "500 ")
        assert numbers(second.messages, session_id) == [*range(1, 6), *range(1, 501)]
        seqs = cursors(second.messages, session_id)
        assert seqs == list(range(FIRST_SHOWN, len(seqs) + FIRST_SHOWN))


async def test_two_clients_of_one_session_both_see_all_of_it(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with begun_peer(url) as first, begun_peer(url) as second:
        session_id = await first.new_session(workspace)
        await second.load(session_id, workspace)
        await first.prompt(session_id, "say 3")
        await second.prompt(session_id, "say 2")
        await second.hears(session_id, "3 ")
        await first.several(lambda message: texts([message], session_id) == ["2 "], 2)
        assert numbers(first.messages, session_id) == numbers(second.messages, session_id) == [1, 2, 3, 1, 2]
        assert texts(first.messages, session_id, "user_message_chunk") == ["say 2"]
        assert texts(second.messages, session_id, "user_message_chunk") == ["say 3"]


async def test_the_first_answer_to_a_permission_wins_and_the_late_one_gets_a_notice(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with begun_peer(url) as first, begun_peer(url) as second:
        session_id = await first.new_session(workspace)
        await second.load(session_id, workspace)
        turn = await first.start_prompt(session_id, "ask")
        asked = [await peer.question(session_id) for peer in (first, second)]
        assert asked[0]["id"] == asked[1]["id"]
        await second.choose(asked[1], "no")
        assert (await first.result_of(turn))["stopReason"] == "end_turn"
        await first.choose(asked[0], "yes")
        late = await first.notice("question-unknown")
        assert late["category"] == "application"
        for peer in (first, second):
            await peer.hears(session_id, "chose no")


async def test_a_question_that_is_open_is_asked_again_of_a_client_that_comes_back(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as first:
        session_id = await first.new_session(workspace)
        await first.start_prompt(session_id, "ask\nsay 1")
        await first.question(session_id)
    async with begun_peer(gateway.acp_over_websocket) as second:
        await second.load(session_id, workspace)
        await second.choose(await second.question(session_id), "yes")
        await second.hears(session_id, "1 ")
        assert texts(second.messages, session_id) == ["chose yes", "1 "]


async def test_files_are_asked_of_the_client_that_prompted(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with begun_peer(url, fs={"readTextFile": True}) as first, begun_peer(url) as second:
        session_id = await first.new_session(workspace)
        await second.load(session_id, workspace)
        turn = await first.start_prompt(session_id, "read notes.txt")
        question = await first.question(session_id, "fs/read_text_file")
        await first.send({"jsonrpc": "2.0", "id": question["id"], "result": {"content": "what is there"}})
        await first.result_of(turn)
        await second.hears(session_id, "what is there")
        assert not [message for message in second.messages if message.get("method") == "fs/read_text_file"]


async def test_prompts_wait_for_the_running_turn_in_order(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        turns = [await peer.start_prompt(session_id, text) for text in ("await go\nsay 1", "say 2", "say 3")]
        await peer.told("_lumilink/queued", 2)
        workspace.signal("go")
        for turn in turns:
            await peer.result_of(turn)
        assert numbers(peer.messages, session_id) == [1, 1, 2, 1, 2, 3]


async def test_the_seventeenth_waiting_prompt_is_refused(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        turns = [await peer.start_prompt(session_id, "await go") for _ in range(17)]
        with pytest.raises(RefusedError) as refused:
            await peer.prompt(session_id, "say 1")
        assert refused.value.data["code"] == "prompt-queue-full"
        assert refused.value.data["retryable"] is True
        workspace.signal("go")
        for turn in turns:
            await peer.result_of(turn)


async def test_a_repeated_prompt_id_runs_once(gateway: GatewayProcess, workspace: Workspace) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        params = {
            "sessionId": session_id,
            "prompt": [{"type": "text", "text": "say 3"}],
            "_meta": {"lumilink": {"promptId": "only-once"}},
        }
        await asyncio.gather(*[peer.ask("session/prompt", params) for _ in range(3)])
        await peer.ask("session/prompt", params)
        assert numbers(peer.messages, session_id) == [1, 2, 3]


async def test_a_closed_session_is_gone_for_all_its_clients(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with begun_peer(url) as first, begun_peer(url) as second:
        session_id = await first.new_session(workspace)
        await second.load(session_id, workspace)
        running = await second.start_prompt(session_id, "wait")
        await first.first(lambda message: texts([message], session_id, "user_message_chunk") == ["wait"])
        await first.close_session(session_id)
        # Closing a session cancels what runs in it.
        assert (await second.result_of(running))["stopReason"] == "cancelled"
        for peer in (first, second):
            with pytest.raises(RefusedError) as refused:
                await peer.prompt(session_id, "say 1")
            assert refused.value.data["code"] == "session-not-found"
            assert refused.value.code == -32002


async def test_a_list_of_many_sessions_comes_in_pages_without_gaps_or_repeats(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        opened = []
        for group in range(15):
            folders = [Workspace(tmp_path / f"{group}-{number}") for number in range(7)]
            opened += await asyncio.gather(*(peer.new_session(folder) for folder in folders))
        first_page = await peer.ask("session/list", {})
        assert len(first_page["sessions"]) == 100
        listed = await sessions_of(peer)
        assert len(listed) == 105
        assert set(listed) == set(opened)
        one = await peer.ask("session/list", {"cwd": str(tmp_path / "3-3")})
        assert len(one["sessions"]) == 1


async def test_sessions_that_end_at_once_give_their_places_back(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        for _ in range(20):
            await peer.close_session(await peer.new_session(workspace))
    assert await settles_at(gateway, 0)


async def test_a_client_that_reads_late_gets_everything_or_is_told_what_is_missing(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as slow,
        begun_peer(gateway.acp_over_websocket) as quick,
    ):
        session_id = await slow.new_session(workspace)
        await quick.load(session_id, workspace)
        slow.pause_reading()
        turn = await slow.start_prompt(session_id, "say 20000 1000")
        await quick.hears(session_id, "20000 ".ljust(1000, "."), within_s=90)
        slow.resume_reading()
        answer = await slow.answer_to(turn, 90)
        heard = numbers(slow.messages, session_id)
        # What is heard has no hole; a client too late for the rest is told by the answer to its prompt.
        assert heard == list(range(1, len(heard) + 1))
        if len(heard) < 20_000:
            assert answer["error"]["data"]["code"] == "slow-consumer"


async def test_an_observer_sees_all_and_changes_nothing(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    url = gateway.acp_over_websocket
    async with begun_peer(url) as driver, begun_peer(url) as watcher:
        session_id = await driver.new_session(workspace)
        observing = {"_meta": {"lumilink": {"role": "observer"}}}
        await watcher.ask("_lumilink/session/attach", {"sessionId": session_id, **observing})
        turn = await driver.start_prompt(session_id, "say 1\nask\nread /x\nsay 2")
        asked = await watcher.question(session_id)
        await watcher.choose(asked, "no")
        assert (await watcher.notice("observer-only"))["category"] == "application"
        with pytest.raises(RefusedError) as refused:
            await watcher.prompt(session_id, "say 9")
        assert refused.value.data["code"] == "observer-only"
        await driver.choose(asked, "yes")
        read = await driver.question(session_id, "fs/read_text_file")
        [row] = (await watcher.ask("session/list", {}))["sessions"]
        assert row["_meta"]["lumilink"]["roles"] == {"driver": 1, "observer": 1}
        await driver.send({"jsonrpc": "2.0", "id": read["id"], "result": {"content": "text"}})
        assert (await driver.result_of(turn))["stopReason"] == "end_turn"
        await watcher.hears(session_id, "2 ")

        said = ["1 ", "chose yes", "text", "1 ", "2 "]
        assert texts(driver.messages, session_id) == texts(watcher.messages, session_id) == said
        assert "fs/read_text_file" not in [message.get("method") for message in watcher.messages]
