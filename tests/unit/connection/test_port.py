"""The agent's side of a connection, by itself."""

import asyncio
from typing import cast

import pytest
from session_world import NOTHING_YET, SETTINGS, FakeAgent, settle

from actors import errors
from actors.agents.link import LinkClosed
from actors.agents.room import AgentRoom
from actors.connection.lodging import Lodging
from actors.connection.port import AgentPort
from actors.connection.states import TRANSITIONS, ConnectionState, check
from actors.kernel import ActorRef


class Owner:
    """The actor: it reads at once whenever it is told."""

    port: AgentPort

    def tell(self, message: object) -> None:
        asyncio.get_running_loop().call_soon(self.port.read)


@pytest.fixture
def port(agent: FakeAgent) -> AgentPort:
    owner = Owner()
    owner.port = AgentPort(
        cast("ActorRef", owner),
        SETTINGS,
        lambda _update, _frame: False,
        lambda _: None,
        lambda _: None,
        lambda _move: None,
        Lodging(AgentRoom(), cast("ActorRef", owner), "inst", SETTINGS.target, 1.0, lambda _: None),
    )
    return owner.port


async def test_it_is_connected_once_the_agent_has_shaken_hands(port: AgentPort, agent: FakeAgent):
    seen: list[ConnectionState] = [port.state]
    agent.on_dial = lambda: seen.append(port.state)
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')

    assert [*seen, port.state] == [
        ConnectionState.DISCONNECTED,
        ConnectionState.CONNECTING,
        ConnectionState.CONNECTED,
    ]


async def test_an_agent_that_died_is_dialled_again_and_its_old_link_let_go(port: AgentPort, agent: FakeAgent):
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')
    agent.die()
    await settle()
    seen: list[tuple[ConnectionState, bool]] = []
    agent.on_dial = lambda: seen.append((port.state, agent.closed))
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')

    assert seen == [(ConnectionState.RECONNECTING, True)]
    assert port.state is ConnectionState.CONNECTED
    assert agent.dials == 2


async def test_what_the_link_of_before_still_says_is_not_heard(port: AgentPort, agent: FakeAgent):
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')
    before = agent.listener
    assert before is not None
    agent.die()
    await settle()
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')
    before.agent_frame(b'{"jsonrpc":"2.0","method":"late"}')
    before.agent_closed(LinkClosed("late", clean=False))
    await settle()

    assert port.state is ConnectionState.CONNECTED
    assert port.is_connected


async def test_nothing_can_be_sent_before_it_is_open(port: AgentPort):
    with pytest.raises(errors.AgentClosedError):
        port.send(b"{}")


async def test_closing_fails_what_the_agent_has_not_answered(port: AgentPort, agent: FakeAgent):
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')
    agent.replies["x"] = NOTHING_YET
    waiting = asyncio.ensure_future(port.call("x", {}, 60.0))
    await settle()
    await port.close()
    await port.close()

    with pytest.raises(errors.AgentClosedError):
        await waiting
    with pytest.raises(errors.AgentClosedError):
        port.send(b"{}")


async def test_a_closing_that_is_cancelled_can_be_done_again(
    port: AgentPort, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
):
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')
    closes: list[int] = []

    async def close() -> None:
        closes.append(1)
        await asyncio.sleep(10.0)

    monkeypatch.setattr(agent, "close", close)
    first = asyncio.ensure_future(port.close())
    await settle()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await port.close()

    assert len(closes) == 2


async def test_a_dead_agent_is_an_error_state_and_takes_nothing(port: AgentPort, agent: FakeAgent):
    await port.open(SETTINGS.target, "/w", b'{"protocolVersion":1}')
    agent.die()
    await settle()

    assert port.state is ConnectionState.ERROR
    with pytest.raises(errors.AgentClosedError):
        port.send(b"{}")


@pytest.mark.parametrize("now", list(ConnectionState))
@pytest.mark.parametrize("then", list(ConnectionState))
def test_only_what_the_table_names_may_follow(now: ConnectionState, then: ConnectionState):
    if then in TRANSITIONS[now]:
        assert check(now, then) is then
    else:
        with pytest.raises(errors.InternalError):
            check(now, then)
