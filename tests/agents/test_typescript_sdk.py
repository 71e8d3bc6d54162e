"""The official TypeScript SDK as the client: one turn with a question in it, over each of its transports."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import npm_packages
import pytest
from agent_programs import AgentProgram
from gateway_process import LUMILINK, GatewayProcess
from process_census import alive, left_over
from stub_script import CLOSING

pytestmark = [pytest.mark.agents, pytest.mark.timeout(90, func_only=True)]

TURN_DEADLINE_S = 60.0
THROUGH_GATEWAY = [
    pytest.param(way, marks=pytest.mark.integration) for way in ("websocket", "http", "lumilink connect")
]
CLIENT = Path(__file__).with_name("ts_client.mjs")


class Update(msgspec.Struct, rename="camel"):
    """A session update, as far as it is looked at here."""

    session_update: str
    content: msgspec.Raw = msgspec.Raw(b"{}")


class Seen(msgspec.Struct, rename="camel"):
    """One line that the client printed: what it saw, and some of what that carried."""

    saw: str
    session_id: str = ""
    protocol_version: int = 0
    stop_reason: str = ""
    update: Update | None = None

    @property
    def text(self) -> str:
        """The text of a piece of the agent's message, else nothing."""
        if self.update is None or self.update.session_update != "agent_message_chunk":
            return ""
        return msgspec.json.decode(self.update.content, type=dict[str, str])["text"]


@pytest.fixture(params=["direct", *THROUGH_GATEWAY])
def way(request: pytest.FixtureRequest, program: AgentProgram) -> tuple[str, ...]:
    """How the client gets to the agent: the last arguments of its command line."""
    if request.param == "direct":
        return ("stdio", *program.command)
    gateway: GatewayProcess = request.getfixturevalue("gateway")
    if request.param == "websocket":
        return ("websocket", gateway.acp_over_websocket)
    if request.param == "http":
        return ("http", gateway.acp_over_http)
    return ("stdio", str(LUMILINK), "connect", "--url", gateway.url)


def test_the_typescript_sdk_holds_a_turn_with_a_question(
    way: tuple[str, ...], program: AgentProgram, workspace: Path, tmp_path: Path
) -> None:
    notes = workspace / "notes.txt"
    command = [npm_packages.node(), str(CLIENT), str(workspace), f"write {notes} with typed text", *way]
    home = tmp_path / "home"
    home.mkdir()
    ran = subprocess.run(
        command, env=program.environment(home), capture_output=True, check=False, timeout=TURN_DEADLINE_S
    )
    assert ran.returncode == 0, ran.stderr.decode()[-4000:]
    seen = [msgspec.json.decode(line, type=Seen) for line in ran.stdout.splitlines()]
    in_order = [one.saw for one in seen if one.saw != "update"]
    assert in_order == ["initialize", "session", "permission", "stop"]
    assert seen[0].protocol_version == 1
    assert seen[-1].stop_reason == "end_turn"
    assert "".join(one.text for one in seen).endswith(CLOSING)
    [session] = [one.session_id for one in seen if one.saw == "session"]
    assert {one.session_id for one in seen if one.saw in ("permission", "update")} == {session}
    assert notes.read_text() == "typed text"
    assert not left_over(alive(home))
