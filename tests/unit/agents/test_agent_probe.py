"""Asking an agent who it is, over every wire, and every way that can go wrong."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from acp.agent.connection import AgentSideConnection
from acp.http.asgi import create_asgi_app
from wires import asgi_server

from actors.agents.example.agent import ExampleAgent
from actors.agents.link import DialOptions
from actors.agents.probe import AgentProfile, probe
from actors.agents.target import AgentTarget
from actors.errors import (
    AgentProtocolError,
    AgentStartError,
    AgentTimeoutError,
    AgentUnreachableError,
    ProtocolMismatchError,
)

OPTIONS = DialOptions(env={"PYTHONPATH": str(Path(__file__).parents[3])})
EXAMPLE = "stdio:" + shlex.join([sys.executable, "-m", "actors.agents.example"])


async def probed(target: str, answer_timeout_s: float = 20) -> AgentProfile:
    return await probe(AgentTarget.parse(target), OPTIONS, {"fs": {"readTextFile": False}}, answer_timeout_s)


def answering(member: str, value: object) -> str:
    """A target that answers the first request with this."""
    answer = json.dumps({"jsonrpc": "2.0", "id": 1, member: value})
    return "stdio:" + shlex.join(["sh", "-c", 'read line; echo "$0"; cat', answer])


def _example(connection: AgentSideConnection) -> ExampleAgent:
    agent = ExampleAgent()
    agent.on_connect(connection)
    return agent


def assert_is_the_example(profile: AgentProfile) -> None:
    assert (profile.protocol_version, profile.name) == (1, "lumilink-example")
    assert json.loads(profile.initialize_result)["agentCapabilities"]["loadSession"] is False


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_an_agent_on_the_official_server_is_profiled(scheme: str) -> None:
    async with asgi_server(create_asgi_app(_example)) as port:  # type: ignore[arg-type]  # the SDK's methods are optional
        assert_is_the_example(await probed(f"{scheme}://127.0.0.1:{port}/acp"))


async def test_a_local_agent_is_profiled() -> None:
    assert_is_the_example(await probed(EXAMPLE))


async def test_what_an_agent_says_of_itself_may_be_little() -> None:
    profile = await probed(answering("result", {"protocolVersion": 1}))
    assert profile.initialize_result == b'{"protocolVersion": 1}'
    assert (profile.name, profile.title, profile.version) == ("", "", "")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (answering("result", {}), "protocolVersion"),
        (answering("error", {"code": -32000, "message": "log in first"}), "-32000: log in first"),
        ("stdio:echo hello", "no JSON-RPC message"),
    ],
)
async def test_an_agent_that_breaks_the_protocol_is_refused_with_what_it_did(target: str, why: str) -> None:
    with pytest.raises(AgentProtocolError, match=why):
        await probed(target)


async def test_an_agent_of_another_version_is_refused_and_both_are_named() -> None:
    with pytest.raises(ProtocolMismatchError, match=r"ACP version 2, LumiLink speaks version 1"):
        await probed(answering("result", {"protocolVersion": 2}))


async def test_an_agent_that_ends_before_it_answers_did_not_start() -> None:
    with pytest.raises(AgentStartError, match=r"exited with code 2; its last words: no model key"):
        await probed("stdio:sh -c 'echo no model key >&2; exit 2'")


async def test_a_command_that_is_not_there_did_not_start() -> None:
    with pytest.raises(AgentStartError, match="no command"):
        await probed("stdio:no-such-command-anywhere")


async def test_an_agent_that_does_not_answer_in_time_is_given_up() -> None:
    with pytest.raises(AgentTimeoutError, match=r"0\.05 s"):
        await probed("stdio:sleep 60", answer_timeout_s=0.05)


@pytest.mark.parametrize("scheme", ["http", "ws"])
async def test_an_address_where_nothing_listens_is_unreachable(scheme: str, unused_tcp_port: int) -> None:
    with pytest.raises(AgentUnreachableError):
        await probed(f"{scheme}://127.0.0.1:{unused_tcp_port}/acp")
