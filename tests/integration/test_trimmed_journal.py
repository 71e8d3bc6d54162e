"""A journal that is trimmed beside a gateway whose session is loaded: clients are told, over both wires."""

from __future__ import annotations

import pytest
from support.gateway_process import GatewayProcess
from support.http_peer import begun_http_peer
from support.journal_reading import trim
from support.messages import Json, cursors
from support.peer import Peer
from support.websocket_peer import begun_peer
from support.workspace import Workspace

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120, func_only=True)]

SCRIPT = "say 400 1000"
"""More than the worker keeps in memory of a session."""
KEEP = 300


async def conversation(gateway: GatewayProcess, workspace: Workspace) -> str:
    """A session that is loaded, whose client has left."""
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, SCRIPT)
        return session_id


async def reset(peer: Peer) -> Json:
    """Wait until the client is told that events are gone."""
    told = await peer.first(lambda message: bool((message.get("params") or {}).get("reset")))
    assert told["method"] == "_lumilink/session/attached"
    params: Json = told["params"]
    return params


async def shown_anew(peer: Peer, session_id: str, first_seq: int) -> None:
    """Wait until all that is kept has been shown after a reset; there is nothing before it and no gap."""
    assert await reset(peer) == {"sessionId": session_id, "reset": True, "firstSeq": first_seq}
    await peer.hears(session_id, "400 ".ljust(1000, "."))
    shown = cursors(peer.messages, session_id)
    assert shown == list(range(first_seq, first_seq + len(shown)))


async def test_a_load_and_a_cursor_say_that_the_conversation_begins_later(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    session_id = await conversation(gateway, workspace)
    first_seq = await trim(gateway.folder, session_id, KEEP)
    async with begun_peer(gateway.acp_over_websocket) as peer:
        loaded = (await peer.load(session_id, workspace))["_meta"]["lumilink"]
        assert (loaded["firstSeq"], loaded["reset"]) == (first_seq, True)
        shown = cursors(peer.messages, session_id)
        assert shown == list(range(first_seq, first_seq + len(shown)))
    async with begun_peer(gateway.acp_over_websocket) as peer:
        attached = await peer.attach(session_id, 7)
        assert (attached["firstSeq"], attached["reset"]) == (first_seq, True)
        assert cursors(peer.messages, session_id) == shown
    async with begun_peer(gateway.acp_over_websocket) as peer:
        attached = await peer.attach(session_id, first_seq - 1)
        assert (attached["firstSeq"], attached["reset"]) == (first_seq, False)
        assert cursors(peer.messages, session_id) == shown


async def test_an_event_stream_whose_last_event_is_gone_begins_with_a_reset(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with begun_http_peer(gateway.acp_over_http) as first:
        session_id = await first.new_session(workspace)
        await first.prompt(session_id, "say 3")
        known = first.last_ids[session_id]
        await first.prompt(session_id, SCRIPT)
    first_seq = await trim(gateway.folder, session_id, KEEP)
    async with begun_http_peer(gateway.acp_over_http) as second:
        await second.ask("session/resume", {"sessionId": session_id, "cwd": str(workspace)})
        await second.open_stream(session_id, after=known)
        await shown_anew(second, session_id, first_seq)


async def test_a_client_that_reads_too_late_is_told_and_goes_on(
    gateway: GatewayProcess, workspace: Workspace
) -> None:
    async with (
        begun_peer(gateway.acp_over_websocket) as driver,
        begun_peer(gateway.acp_over_websocket) as slow,
    ):
        session_id = await driver.new_session(workspace)
        await slow.resume(session_id)
        slow.pause_reading()
        await driver.prompt(session_id, "say 3000 10000")
        await trim(gateway.folder, session_id, 20)
        slow.resume_reading()
        told = await reset(slow)
        await slow.hears(session_id, "3000 ".ljust(10000, "."))

    at = [message.get("method") for message in slow.messages].index("_lumilink/session/attached")
    before, after = (cursors(part, session_id) for part in (slow.messages[:at], slow.messages[at:]))
    assert after == list(range(told["firstSeq"], told["firstSeq"] + len(after)))
    assert before == list(range(before[0], before[0] + len(before))), "it is told where the gap is"
    assert before[-1] + 1 < after[0]
