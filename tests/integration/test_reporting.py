"""A gateway tells over HTTP what happened in it: by records, a timeline, a search and an audit trail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from click.testing import CliRunner
from schemathesis.specs.openapi.checks import ignored_auth
from support.gateway_process import GatewayProcess
from support.waiting import becomes_true
from support.websocket_peer import begun_peer
from support.workspace import Workspace

from topology.cli import main

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180, func_only=True)]

WITHIN_S = 20.0
LIVE = ("/healthz", "/readyz", "/api/v1/topology", "/api/v1/pool", "/api/v1/capacity/alerts")


@pytest.fixture
async def api(gateway: GatewayProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{gateway.url}/api/v1/", timeout=20.0) as client:
        yield client


async def timeline(api: httpx.AsyncClient, session_id: str) -> list[dict[str, Any]]:
    """Oldest first; empty while the session is not recorded."""
    answer = await api.get(f"sessions/{session_id}/timeline", params={"order": "asc"})
    items: list[dict[str, Any]] = answer.json()["items"] if answer.status_code == 200 else []
    return items


async def test_a_session_s_timeline_tells_of_its_turn_and_question(
    gateway: GatewayProcess, api: httpx.AsyncClient, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        assert await peer.prompt(session_id, "say 3") == "end_turn"

        async def has_turn() -> bool:
            return any(one["kind"] == "turn" for one in await timeline(api, session_id))

        assert await becomes_true(has_turn, WITHIN_S), await timeline(api, session_id)
        told = await timeline(api, session_id)
        session = (await api.get(f"sessions/{session_id}")).json()
        live = (await api.get("sessions", params={"live": "true"})).json()["items"]
        history = await api.get(f"connections/{session['acpConnectionId']}/history")

    kinds = [one["kind"] for one in told]
    assert "session" in kinds
    assert "connection" in kinds
    assert next(one for one in told if one["kind"] == "turn")["outcome"] == "success"
    assert session["protocolType"] == "acp"
    assert session_id in [one["sessionId"] for one in live]
    assert "connected" in [one["toStatus"] for one in history.json()["items"]]


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_an_audit_trail_is_proven_by_the_command(
    gateway: GatewayProcess, api: httpx.AsyncClient, workspace: Workspace, tmp_path: Path, form: str
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session(workspace)
        await peer.prompt(session_id, "say 1")

        async def is_recorded() -> bool:
            return (await api.get(f"sessions/{session_id}")).status_code == 200

        assert await becomes_true(is_recorded, WITHIN_S)
        answer = await api.get("audit/export", params={"format": form})
    file = tmp_path / f"audit.{form}"
    file.write_bytes(answer.content)

    whole = CliRunner().invoke(main, ["verify", "--audit", str(file)])
    assert whole.exit_code == 0, whole.output
    assert session_id in answer.text
    file.write_bytes(answer.content.replace(session_id.encode(), b"somebody-else", 1))
    changed = CliRunner().invoke(main, ["verify", "--audit", str(file)])
    assert changed.exit_code == 1
    assert "was changed" in changed.output


async def test_the_summary_counts_what_goes_on(
    gateway: GatewayProcess, api: httpx.AsyncClient, workspace: Workspace
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.new_session(workspace)

        async def is_counted() -> bool:
            return bool((await api.get("summary")).json()["sessions"]["live"] >= 1)

        assert await becomes_true(is_counted, WITHIN_S)
        assert (await api.get("summary")).json()["adoption"] == 1.0


@pytest.mark.parametrize("path", LIVE)
def test_what_lives_is_shown_as_the_document_says(running_gateway: GatewayProcess, path: str) -> None:
    schema = schemathesis.openapi.from_url(f"{running_gateway.url}/api/v1/openapi.json")

    case = schema[path]["GET"].Case()
    # Nobody has to say who they are at this gateway.
    answer = case.call(base_url=running_gateway.url)
    case.validate_response(answer, excluded_checks=[ignored_auth])
    assert answer.status_code == 200
