"""An erasure on a gateway that runs: sessions end, agents go, and nothing of it comes back."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from support.credentials import showing, socket_with
from support.guarded_gateway import Guarded
from support.messages import Json
from support.peer import RefusedError
from support.waiting import becomes_true
from support.workspace import Workspace

from topology.audit import run_audit
from topology.cli import main

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

WITHIN_S = 30.0
TENANT = "bygone"


def files_with(guarded: Guarded, text: str) -> list[str]:
    """The files of the stores that hold a text."""
    data = guarded.gateway.folder / "data"
    return [file.name for file in sorted(data.glob("*.db*")) if text.encode() in file.read_bytes()]


def recorded(guarded: Guarded, key: str, session_id: str) -> bool:
    answer = guarded.get(f"/api/v1/messages?sessionId={session_id}&limit=200", key)
    return answer.is_success and "end_turn" in answer.text


def pids(guarded: Guarded) -> list[int]:
    return [agent.pid for agent in guarded.gateway.agents()]


async def test_a_user_s_sessions_end_and_leave_nothing_but_a_receipt(
    guarded: Guarded, workspace: Workspace, tmp_path: Path
) -> None:
    admin = guarded.key(TENANT, "admin", user="root")
    ann = guarded.key(TENANT, "user", user="ann")
    ben = guarded.key(TENANT, "user", user="ben")
    other = Workspace(tmp_path / "ben")
    async with socket_with(guarded.socket, ann) as hers, socket_with(guarded.socket, ben) as his:
        session_id = await hers.new_session(workspace)
        kept_id = await his.new_session(other)
        (workspace.path / "words").write_text(_update("wagtail-5106"))
        (other.path / "words").write_text(_update("bullfinch-2284"))
        for peer, one in ((hers, session_id), (his, kept_id)):
            assert await peer.prompt(one, "tell words") == "end_turn"
        [agent] = workspace.starts()
        for key, one in ((ann, session_id), (ben, kept_id)):
            assert await becomes_true(partial(recorded, guarded, key, one), WITHIN_S)
        assert len(files_with(guarded, "wagtail-5106")) >= 2

        would_be = _deleted(guarded, admin, "/api/v1/subjects/ann?dryRun=true")
        assert (would_be["state"], would_be["sessions"]) == ("would-be", 1)
        assert _deleted(guarded, ann, "/api/v1/subjects/ann")["code"] == "forbidden"
        stranger = _deleted(guarded, guarded.stranger, f"/api/v1/installations/{TENANT}")
        assert stranger["code"] == "forbidden"

        told = await asyncio.to_thread(_erase, guarded, admin, tmp_path, "--user", "ann")
        assert (told["state"], told["sessions"], told["scope"]) == ("done", 1, "subject")
        assert told["entries"] >= would_be["entries"] > 5

        with pytest.raises(RefusedError) as refused:
            await hers.prompt(session_id, "say 1")
        assert refused.value.data["code"] in ("session-not-found", "session-closed")
        with pytest.raises(RefusedError) as refused:
            await hers.load(session_id, workspace)
        assert refused.value.data["code"] == "session-not-found"
        assert await becomes_true(
            lambda: agent not in [one.pid for one in guarded.gateway.agents()], WITHIN_S
        )
        assert await his.prompt(kept_id, "say 1") == "end_turn"
        assert files_with(guarded, "wagtail-5106") == []
        assert files_with(guarded, "bullfinch-2284") != []
        assert guarded.get(f"/api/v1/sessions/{session_id}", admin).status_code == 404
        assert guarded.get(f"/api/v1/sessions/{kept_id}", admin).status_code == 200
        await _receipt_is_in_the_trail(guarded, admin, tmp_path, told)
        await his.close_session(kept_id)


async def test_an_installation_s_erasure_takes_all_of_it_and_its_repeat_finds_the_first(
    guarded: Guarded, workspace: Workspace, tmp_path: Path
) -> None:
    admin = guarded.key("vanishing", "admin", user="root")
    (workspace.path / "words").write_text(_update("sandpiper-7793"))
    async with socket_with(guarded.socket, admin) as peer:
        session_id = await peer.new_session(workspace)
        assert await peer.prompt(session_id, "tell words") == "end_turn"
        assert await becomes_true(partial(recorded, guarded, admin, session_id), WITHIN_S)

        options = ("--installation", "vanishing", "--key", "once")
        told = await asyncio.to_thread(_erase, guarded, admin, tmp_path, *options)
        again = await asyncio.to_thread(_erase, guarded, admin, tmp_path, *options)

    assert (told["state"], told["sessions"], told["scope"]) == ("done", 1, "installation")
    assert again == told
    assert files_with(guarded, "sandpiper-7793") == []
    sessions = guarded.get("/api/v1/sessions", admin)
    assert sessions.json()["items"] == [], "its key is still good"


def _update(text: str) -> str:
    content = {"type": "text", "text": f"I have seen a {text} there"}
    return json.dumps({"sessionUpdate": "agent_message_chunk", "content": content})


def _deleted(guarded: Guarded, key: str, path: str) -> Json:
    answer = httpx.delete(f"{guarded.gateway.url}{path}", headers=showing(key), timeout=30.0)
    found: Json = answer.json()
    return found


def _erase(guarded: Guarded, key: str, folder: Path, *options: str) -> Json:
    """What the command prints."""
    file = folder / "key"
    file.write_text(key)
    command = ["erase", "--yes", "--url", guarded.gateway.url, "--key-file", str(file), *options]
    ended = CliRunner().invoke(main, command)
    assert ended.exit_code == 0, ended.output
    found: Json = json.loads(ended.stdout)
    return found


async def _receipt_is_in_the_trail(guarded: Guarded, admin: str, folder: Path, told: Json) -> None:
    """The audit trail has the receipt, without whom it was about, and is whole."""

    def listed() -> bool:
        return bool(guarded.get("/api/v1/erasures", admin).json()["items"])

    assert await becomes_true(listed, WITHIN_S)
    [receipt] = guarded.get("/api/v1/erasures", admin).json()["items"]
    assert (receipt["erasureId"], receipt["digest"]) == (told["erasureId"], told["digest"])
    trail = folder / "audit.ndjson"
    trail.write_bytes(guarded.get("/api/v1/audit/export", admin).content)
    assert told["erasureId"] in trail.read_text()
    assert '"ann"' not in trail.read_text()
    assert run_audit(trail, None, as_json=True) == 0
