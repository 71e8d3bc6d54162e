"""Which protocol a new session gets, and what its client is told of it (FR-001)."""

import asyncio
from typing import cast

import pytest
from fake_agent import HttpAgent
from session_world import NOTHING_YET, SESSION, Client, FakeAgent, Json, Standing, World, settle

from actors import errors
from actors.agents.target import AgentTarget
from actors.migration.contract import FellBack, SampleKind
from actors.protocol.agent_protocol import AgentProtocol

FALLBACK = AgentTarget.parse("agentapi+http://127.0.0.1:3284")
DONE = {"stopReason": "end_turn"}
ACP, HTTP = AgentProtocol.ACP, AgentProtocol.HTTP


def confirmed(client: Client) -> Json:
    result = cast("dict[str, dict[str, Json]]", client.reply("1")["result"])
    return result["_meta"]["lumilink"]


def unreachable() -> None:
    raise errors.AgentUnreachableError("HTTP 404")


def broken(agent: FakeAgent, how: str) -> str:
    """Make an agent one that cannot be spoken to over ACP; returns the code of that."""
    match how:
        case "unreachable":
            agent.on_dial = unreachable
            return "agent-unreachable"
        case "other-version":
            agent.replies["initialize"] = {"protocolVersion": 2}
            return "protocol-mismatch"
        case "garbage":
            agent.replies["initialize"] = "hello"
            return "agent-protocol-error"
        case "silent":
            agent.replies["initialize"] = NOTHING_YET
            return "agent-timeout"
        case _:
            agent.replies["session/new"] = NOTHING_YET
            return "agent-timeout"


BROKEN = ["unreachable", "other-version", "garbage", "silent", "silent-later"]


async def test_a_new_session_is_carried_over_acp_and_its_client_is_told_so(world: World, agent: FakeAgent):
    agent.replies["initialize"] = {"protocolVersion": 1, "agentInfo": {"name": "a", "version": "2"}}
    ours = confirmed(await world.client().open(container_id="web-7"))

    assert (ours["protocol"], ours["protocolVersion"]) == ("acp", "1.0.0")
    assert ours["containerId"] == "web-7"
    assert str(ours["connectionId"]).startswith("conn_")
    assert ours["agent"] == {"name": "a", "version": "2"}
    assert "fallbackReason" not in ours


@pytest.mark.parametrize("how", BROKEN)
async def test_a_container_without_our_acp_is_reached_over_http(
    world: World, agent: FakeAgent, http: HttpAgent, how: str
):
    world.set(fallback=FALLBACK, agent_start_timeout_s=5.0)
    code = broken(agent, how)
    client = await world.client().open(container_id="web-7")
    await asyncio.sleep(11.0)
    ours = confirmed(client)

    assert (ours["protocol"], ours["fallbackReason"], ours["containerId"]) == ("http", code, "web-7")
    assert client.story()[0] == "=1", "the answer comes before all else"
    assert client.notices() == ["fell-back"]
    assert [type(told) for told in world.told_workspace] == [FellBack]
    [turned] = await world.noted("protocol")
    assert (turned["trigger"], turned["code"]) == ("fallback", code)
    assert agent.closed or how == "unreachable"


async def test_a_session_that_began_over_http_is_told_no_context(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.set(fallback=FALLBACK)
    agent.on_dial = unreachable
    client = await world.client().open()
    await client.prompt("2", "hello")

    assert http.prompts() == [["hello"]]


@pytest.mark.parametrize("how", BROKEN)
async def test_without_a_fallback_it_is_told_what_was_wrong(
    world: World, agent: FakeAgent, http: HttpAgent, how: str
):
    world.set(agent_start_timeout_s=5.0)
    code = broken(agent, how)
    client = await world.client().open()
    await asyncio.sleep(11.0)

    error = client.closed_by()
    assert isinstance(error, errors.LumiLinkError)
    assert error.code == code
    assert http.heard == []


async def test_of_another_version_both_versions_are_named(world: World, agent: FakeAgent):
    agent.replies["initialize"] = {"protocolVersion": 2}
    client = await world.client().open()

    assert isinstance(client.closed_by(), errors.ProtocolMismatchError)
    assert "ACP version 2, LumiLink speaks version 1" in str(client.closed_by())


async def test_where_http_fails_too_both_failures_are_told(world: World, agent: FakeAgent, http: HttpAgent):
    world.set(fallback=FALLBACK)
    agent.replies["initialize"] = {"protocolVersion": 2}
    http.on_dial = unreachable
    client = await world.client().open()

    assert isinstance(client.closed_by(), errors.ProtocolMismatchError)
    assert "version 2" in str(client.closed_by())
    assert "over HTTP: HTTP 404" in str(client.closed_by())
    assert world.given_back == [SESSION]


@pytest.mark.parametrize("by", ["settings", "standing", "client"])
async def test_a_fallback_that_is_off_is_not_used(world: World, agent: FakeAgent, http: HttpAgent, by: str):
    standing = Standing()
    standing.fallback_enabled = by != "standing"
    world.standing = standing
    world.set(fallback=FALLBACK, fallback_enabled=by != "settings")
    agent.on_dial = unreachable
    client = await world.client().open(fallback_enabled=by != "client")

    assert isinstance(client.closed_by(), errors.AgentUnreachableError)
    assert http.dials == 0


async def test_the_agents_own_refusal_is_no_reason_to_fall_back(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.set(fallback=FALLBACK)
    agent.replies["session/new"] = {"code": -32000, "message": "log in first"}
    client = await world.client().open()

    assert cast("Json", client.reply("1")["error"])["message"] == "log in first"
    assert http.dials == 0


async def test_what_an_agent_said_before_it_was_left_is_not_heard(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.set(fallback=FALLBACK, agent_start_timeout_s=5.0)
    agent.replies["session/new"] = NOTHING_YET
    client = await world.client().open()
    agent.say({"jsonrpc": "2.0", "method": "_x/hello"})
    await settle()
    await asyncio.sleep(11.0)

    assert client.story() == ["=1", "_lumilink/notice"]


async def test_a_workspace_on_http_gets_its_sessions_there(world: World, agent: FakeAgent, http: HttpAgent):
    world.standing = Standing(HTTP)
    world.set(fallback=FALLBACK)
    client = await world.client().open()
    ours = confirmed(client)

    assert ours["protocol"] == "http"
    assert "fallbackReason" not in ours
    assert agent.dials == 0
    assert client.notices() == []


async def test_a_session_that_will_not_have_http_is_carried_over_acp_all_the_same(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.standing = Standing(HTTP)
    world.set(fallback=FALLBACK)
    client = await world.client().open(fallback_enabled=False)

    assert confirmed(client)["protocol"] == "acp"


async def test_a_gateway_whose_agents_have_only_http_has_nothing_to_choose(
    world: World, agent: FakeAgent, http: HttpAgent
):
    standing = Standing(ACP)
    world.standing = standing
    world.set(target=FALLBACK)
    client = await world.client().open()
    await client.prompt("2")

    assert confirmed(client)["protocol"] == "http"
    assert agent.dials == 0
    assert standing.samples == [], "HTTP is no sample"


# ---------------------------------------------------------------------- samples


async def test_handshake_set_up_and_turn_are_samples(world: World, agent: FakeAgent):
    standing = world.standing = Standing()
    agent.replies["session/prompt"] = DONE
    client = await world.opened_client()
    await client.prompt("2")

    assert standing.samples == [(kind, True, False) for kind in SampleKind]
    # By then the link has been measured.
    assert all(latency is not None and latency >= 0 for latency in standing.latencies)


async def test_what_a_probe_tries_is_noted_as_such(world: World, agent: FakeAgent, http: HttpAgent):
    standing = world.standing = Standing(ACP, is_probe=True)
    world.set(fallback=FALLBACK)
    agent.replies["initialize"] = {"protocolVersion": 2}
    await world.client().open()

    assert standing.samples == [(SampleKind.HANDSHAKE, False, True)]


@pytest.mark.parametrize(
    ("reply", "samples"),
    [
        (DONE, [True]),
        ({"stopReason": "cancelled"}, []),
        ({"code": -32603, "message": "out of order"}, [False]),
        ({"code": -32000, "message": "log in"}, []),
    ],
    ids=["done", "cancelled", "failed", "login"],
)
async def test_a_turn_is_a_sample_unless_it_was_cancelled(
    world: World, agent: FakeAgent, reply: Json, samples: list[bool]
):
    standing = world.standing = Standing()
    client = await world.opened_client()
    standing.samples.clear()
    agent.replies["session/prompt"] = reply
    await client.prompt("2")

    assert standing.samples == [(SampleKind.TURN, ok, False) for ok in samples]


async def test_an_agent_that_dies_in_a_turn_is_a_bad_sample_and_its_worker_s_end_is_none(
    world: World, agent: FakeAgent
):
    standing = world.standing = Standing()
    client = await world.opened_client()
    standing.samples.clear()
    await client.prompt("2")
    agent.die()
    await settle()
    assert standing.samples == [(SampleKind.TURN, False, False)]
    await client.prompt("3")
    standing.samples.clear()
    await world.system.stop(1.0)

    assert standing.samples == []


async def test_bringing_an_agent_back_is_a_sample_of_both_kinds(world: World, resuming: FakeAgent):
    standing = world.standing = Standing()
    client = await world.opened_client()
    resuming.die()
    await settle()
    standing.samples.clear()
    await client.prompt("2")

    assert standing.samples == [(SampleKind.HANDSHAKE, True, False), (SampleKind.SET_UP, True, False)]


@pytest.mark.parametrize(
    ("code", "samples"), [(-32603, [False]), (-32000, [])], ids=["out of order", "login"]
)
async def test_a_session_that_is_refused_is_a_bad_sample_unless_a_login_is_wanted(
    world: World, agent: FakeAgent, code: int, samples: list[bool]
):
    standing = world.standing = Standing()
    agent.replies["session/new"] = {"code": code, "message": "no"}
    await world.client().open()

    assert [ok for kind, ok, _ in standing.samples if kind is SampleKind.SET_UP] == samples


async def test_a_machine_without_memory_is_no_sample(world: World, agent: FakeAgent):
    standing = world.standing = Standing()

    def full() -> None:
        raise errors.AgentMemoryError("no memory")

    agent.on_dial = full
    await world.client().open()

    assert standing.samples == []


# ---------------------------------------------------------------------- containers


async def test_a_container_is_found_by_its_id(world: World, agent: FakeAgent, http: HttpAgent):
    world.set(
        target=AgentTarget.parse("ws://{containerId}.agents:80/acp"),
        fallback=AgentTarget.parse("agentapi+http://{containerId}.agents:3284/{workspaceId}"),
    )
    agent.on_dial = unreachable
    await world.client().open(container_id="web-7")

    assert [target.url for target in agent.targets] == ["ws://web-7.agents:80/acp"]
    assert [target.url for target in http.targets] == ["agentapi+http://web-7.agents:3284/ws_1"]


async def test_another_worker_finds_the_same_container(world: World, agent: FakeAgent):
    agent.offering(sessionCapabilities={"resume": {}})
    target = AgentTarget.parse("ws://{containerId}.agents/acp")
    world.set(target=target)
    await world.client().open(container_id="web-7")
    second = World(agent, before=world)
    second.set(target=target)
    await second.take_up()
    await (await second.client().attach()).prompt("2")

    assert [one.url for one in agent.targets] == ["ws://web-7.agents/acp"] * 2
    await second.end()


@pytest.mark.parametrize(
    "container_id", ["", "a.b", "UPPER", "-a", "a-", "a" * 64, "a/b", "a@evil.example", "a:1", "ä", "a b"]
)
async def test_what_is_no_host_label_is_no_container(world: World, agent: FakeAgent, container_id: str):
    client = await world.client().open(container_id=container_id)

    assert isinstance(client.closed_by(), errors.InvalidParamsError)
    assert "expected 1 to 63 of a to z" in str(client.closed_by())
    assert agent.dials == 0


async def test_a_container_that_is_needed_and_not_named_is_asked_for(
    world: World, agent: FakeAgent, http: HttpAgent
):
    world.set(target=AgentTarget.parse("ws://{containerId}.agents/acp"), fallback=FALLBACK)
    client = await world.client().open()

    assert isinstance(client.closed_by(), errors.InvalidParamsError)
    assert "containerId: missing" in str(client.closed_by())
    assert http.dials == 0, "that is no failure of ACP"


async def test_a_session_in_an_old_journal_is_carried_as_it_was(
    world: World, agent: FakeAgent, http: HttpAgent, monkeypatch: pytest.MonkeyPatch
):
    from actors.connection import carriage

    monkeypatch.setattr(carriage, "new_connection_id", lambda: "")
    agent.offering(sessionCapabilities={"resume": {}})
    await world.client().open()
    monkeypatch.undo()
    monkeypatch.setattr("actors.connection.port.dial", agent.dial)
    second = await World(agent, before=world).take_up()
    client = await second.client().attach()
    await client.prompt("2")

    assert str(confirmed(client)["connectionId"]).startswith("conn_")
    assert len(agent.requests("session/resume")) == 1
    await second.end()
