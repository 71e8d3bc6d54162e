"""Secrets, put wherever they can be put, are found nowhere in the records (FR-008)."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from unit.projector.projector_world import World

CANARIES = {
    "github": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "anthropic": "sk-ant-api03-canaryCANARY0123456789canaryCANARY0123456789",
    "aws": "AKIACANARYCANARY1234",
    "slack": "xoxb-123456789012-canarycanarycanary",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ",
    "basic": "Y2FuYXJ5OnN3b3JkZmlzaA==",
    "password": "c4nary-sw0rdfish-77",
    "of no form": "quietcanaryofnoform",
    "in a header": "headercanaryofnoform",
}
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIICanaryCanaryCanary\nCanaryCanaryEnd\n-----END PRIVATE KEY-----"
SURROUNDINGS = {
    "mcpServers": [
        {"name": "a", "command": "x", "env": [{"name": "WHATEVER", "value": CANARIES["of no form"]}]},
        {
            "name": "b",
            "type": "http",
            "url": "https://h",
            "headers": [{"name": "X-Thing", "value": f"Scheme {CANARIES['in a header']}"}],
        },
    ]
}


def everywhere(secret: str) -> dict[str, object]:
    return {
        "text": f"The value is {secret} indeed",
        "url": f"https://user:{secret}@example.org/path",
        "env": [{"name": "GITHUB_TOKEN", "value": secret}],
        "headers": {"Authorization": f"Bearer {secret}"},
        "apiKey": secret,
        "command": f"GITHUB_TOKEN={secret} make deploy",
        "nested": json.dumps({"password": secret}),
    }


async def test_no_secret_is_found_in_any_table(world: World, tmp_path: Path) -> None:
    for number, (name, secret) in enumerate(CANARIES.items()):
        script = world.session(f"sess-{number}").connected()
        hidden = f"token={secret}" if name in ("basic", "password") else secret
        script.connection("error", "connected", errorCode="agent-closed", cause=f"password: {secret}")
        script.turn().prompt(f"Use {hidden} please")
        half = len(hidden) // 2
        script.chunk(f"I use {hidden[:half]}").chunk(f"{hidden[half:]} now. ").chunk(PRIVATE_KEY[:40])
        script.chunk(PRIVATE_KEY[40:])
        where = everywhere(secret) if name not in ("basic", "password") else {"apiKey": secret}
        script.update(sessionUpdate="tool_call", toolCallId="t", title=f"Run {hidden}", rawInput=where)
        script.update(sessionUpdate="tool_call_update", toolCallId="t", rawOutput=where)
        asked = {"jsonrpc": "2.0", "id": "q1", "method": "terminal/create", "params": where}
        script.event("question", asked)
        script.notice(f"It said {hidden}", detail=where)
        error = {"error": {"code": 1, "message": f"refused {hidden}", "data": where}}
        script.ended(outcome="failed", answer=error)
        script.event("extension", where)
        surroundings = json.dumps(SURROUNDINGS).encode()
        await script.save(surroundings, title=f"About {hidden}", cwd="/w")
    await world.project()

    database = sqlite3.connect(tmp_path / "records.db")
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    kept = "\n".join(repr(row) for table in tables for row in database.execute(f'SELECT * FROM "{table}"'))
    database.close()
    assert kept.count("[redacted]") > 50
    found = [name for name, secret in CANARIES.items() if secret in kept]
    assert found == []
    assert "CanaryCanaryEnd" not in kept
    told = b"".join(event.data for event in world.told)
    assert not any(secret.encode() in told for secret in CANARIES.values())


async def test_what_is_not_secret_stays(world: World) -> None:
    script = world.session().connected().turn().prompt("Fix issue 7 in /w/src, see https://example.org/a?b=1")
    await script.ended().save()
    await world.project()

    assert await world.texts() == ["Fix issue 7 in /w/src, see https://example.org/a?b=1"]
