"""Secrets, put wherever they can be put, are found nowhere but where the conversation itself is."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import httpx
import pytest
from support.canaries import CANARIES, SAID, UNSAID, found_in, found_under, said, surroundings
from support.credentials import showing, socket_with
from support.guarded_gateway import Guarded
from support.messages import Json
from support.peer import RefusedError
from support.waiting import becomes_true
from support.websocket_peer import WebSocketPeer, websocket_peer
from support.workspace import Workspace

from actors.journal.sqlite import SqliteJournal
from topology.data_directory import JOURNAL

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

RECORDED_S = 20.0
OWN_FILES = ("lumilink.toml",)
"""What the operator has written, secrets included."""


def scripts(folder: Path) -> str:
    """What the agent is to do, with what it says in files."""
    everything = said()
    where = {"env": [{"name": "API_TOKEN", "value": CANARIES["github"]}], "text": everything["anthropic"]}
    updates: list[Json] = []
    for number, text in enumerate(everything.values()):
        content = {"type": "text", "text": text}
        updates.append({"sessionUpdate": "agent_message_chunk", "content": content})
        call = {"toolCallId": f"t{number}", "title": text, "rawInput": where | {"command": text}}
        updates.append({"sessionUpdate": "tool_call", **call})
        done = {"toolCallId": f"t{number}", "status": "completed", "rawOutput": {"out": text}}
        updates.append({"sessionUpdate": "tool_call_update", **done})
    (folder / "updates").write_text("\n".join(map(json.dumps, updates)))
    joined = " ".join(everything.values())
    (folder / "error").write_text(json.dumps({"code": -32000, "message": joined, "data": {"why": joined}}))
    (folder / "complaint").write_text("\n".join(everything.values()) + "\n")
    return "complain complaint\ntell updates\nask\nfail error"


async def converse(guarded: Guarded, workspace: Workspace) -> tuple[WebSocketPeer, str]:
    """A turn full of secrets; the client that saw it, and the session's id."""
    async with socket_with(guarded.socket, guarded.user) as peer:
        params = {"cwd": str(workspace), "mcpServers": surroundings()}
        session_id = (await peer.ask("session/new", params))["sessionId"]
        turn = await peer.start("session/prompt", {"sessionId": session_id, "prompt": prompts(workspace)})
        await peer.choose(await peer.question(session_id), "yes")
        with pytest.raises(RefusedError) as failed:
            await peer.result_of(turn)
        assert found_in(json.dumps(failed.value.data).encode() + failed.value.message.encode())
        return peer, str(session_id)


def prompts(workspace: Workspace) -> list[Json]:
    """What the client says: its secrets, and what the agent is to do."""
    texts = [*said().values(), scripts(workspace.path)]
    return [{"type": "text", "text": text} for text in texts]


async def test_secrets_are_found_nowhere_but_in_the_conversation(
    guarded: Guarded, workspace: Workspace
) -> None:
    async with websocket_peer(f"ws://{guarded.gateway.host}/ws", showing(guarded.viewer)) as watcher:
        peer, session_id = await converse(guarded, workspace)
        bodies = await asyncio.to_thread(provoked, guarded, session_id)
        assert await becomes_true(lambda: is_recorded(guarded, session_id), RECORDED_S)
        read = await asyncio.to_thread(reports, guarded, session_id)
        watched = "".join(watcher.raw).encode()

    # The conversation's own clients see all of it.
    assert set(found_in("".join(peer.raw).encode())) >= {*SAID, "environment of a session"}
    assert session_id.encode() in watched
    assert (found_in(watched), found_in(bodies), found_in(read)) == ([], [], [])
    assert read.count(b"[redacted]") > 20

    folders = (guarded.gateway.folder / "data", guarded.gateway.folder, guarded.gateway.temp)
    journal = {file.name for file in folders[0].glob(f"{JOURNAL}*")}
    assert len(list(guarded.gateway.temp.rglob("*.log"))) > 10
    for folder in folders:
        assert found_under(folder, but={*OWN_FILES, *journal}) == {}, folder
    # What is said in a conversation is in its journal, and nothing else.
    assert found_under(folders[0], SAID)
    assert found_under(folders[0], UNSAID) == {}
    assert await told_live(folders[0] / JOURNAL) == []
    keys = {file.name for file in folders[0].rglob("*") for key in guarded.secrets if holds(file, key)}
    assert keys == set()


def holds(file: Path, text: str) -> bool:
    return file.is_file() and text.encode() in file.read_bytes()


def is_recorded(guarded: Guarded, session_id: str) -> bool:
    """Whether the end of the turn has come to the records."""
    found = guarded.get(f"/api/v1/sessions/{session_id}/timeline?limit=200", guarded.admin)
    return found.is_success and '"failed"' in found.text


def provoked(guarded: Guarded, session_id: str) -> bytes:
    """The bodies of what is refused, whatever was wrong with it."""
    secret, query = CANARIES["github"], CANARIES["query of an address"]
    key, bodies = CANARIES["anthropic"], []
    with httpx.Client(base_url=guarded.gateway.url, timeout=30.0) as client:
        wrong = (showing(secret), showing(f"lk_0123456789abcdef_{key}"), {"X-Api-Key": secret})
        bodies += [client.get(f"/api/v1/sessions?token={query}", headers=one) for one in wrong]
        admin = showing(guarded.admin)
        asked = (f"messages?cursor={secret}", f"messages?{secret}=1", f"sessions/{secret}", secret)
        bodies += [client.get(f"/api/v1/{one}", headers=admin) for one in asked]
        path = f"/api/v1/subjects/nobody?dryRun={secret}"
        bodies.append(client.delete(path, headers={**admin, "Idempotency-Key": key}))
        bodies.append(client.post("/api/v1/keys", json={"user": secret, "roles": [key]}, headers=admin))
        path = f"/api/v1/sessions/{session_id}/questions/{secret}"
        bodies.append(client.post(path, json={"result": secret}, headers=admin))
        bodies.append(client.post("/console/session", json={"key": secret}))
        bodies.append(client.post("/acp", content=f'{{"jsonrpc":"{secret}"}}', headers=admin))
    assert all(answer.is_error for answer in bodies), [answer.status_code for answer in bodies]
    return b"\n".join(answer.content for answer in bodies)


def reports(guarded: Guarded, session_id: str) -> bytes:
    """All that can be read of a session afterwards, and what is measured."""
    paths = (
        *(f"/api/v1/sessions/{session_id}{part}" for part in ("", "/timeline?limit=200", "/transcript")),
        f"/api/v1/messages?sessionId={session_id}&limit=200",
        "/api/v1/connections",
        "/api/v1/audit/export",
        "/api/v1/audit/export?format=csv",
        "/metrics",
        "/sessions",
    )
    answers = [guarded.get(path, guarded.admin) for path in paths]
    assert all(answer.is_success for answer in answers), [answer.status_code for answer in answers]
    payloads = {
        found
        for answer in answers
        for found in re.findall(r'"(?:payload|logs|context)Ref":"([0-9a-f]{64})"', answer.text)
    }
    kept = [guarded.get(f"/api/v1/payloads/{one}", guarded.admin) for one in sorted(payloads)]
    return b"\n".join(answer.content for answer in (*answers, *kept))


async def told_live(file: Path) -> list[str]:
    """What the streams of live events, and all others that are no conversation's, hold."""
    journal = await SqliteJournal.open(file)
    try:
        kept = b""
        for stream in await journal.streams("!"):
            page = await journal.read(stream, 0)
            head = await journal.head(stream)
            assert head is not None
            kept += b"".join(entry.payload for entry in page.entries) + (head.meta or b"")
        return found_in(kept)
    finally:
        await journal.close()
