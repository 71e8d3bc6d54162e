"""An agent in a container whose link breaks while it waits for an answer, or falls silent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from support.gateway_process import GatewayProcess, free_port
from support.journal_reading import entries_of, notes_of
from support.messages import texts
from support.peer import Peer, RefusedError
from support.tidying import leave_tidy
from support.waiting import becomes_true
from support.websocket_agent import WebSocketAgent, websocket_agent
from support.websocket_peer import begun_peer

from actors.connection.events import EventKind

pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.timeout(120, func_only=True),
]

IDLE_TIMEOUT_S = 2.0


@pytest.fixture(scope="module")
def agent_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def contained(tmp_path_factory: pytest.TempPathFactory, agent_port: int) -> Iterator[GatewayProcess]:
    """A gateway whose agent is at an address."""
    settings = {
        "reconnect_first_delay_s": 0.2,
        "reconnect_max_delay_s": 0.5,
        "reconnect_attempts": 50,
        "reconnect_idle_timeout_s": IDLE_TIMEOUT_S,
        "agent_start_timeout_s": 5.0,
        "dashboard": False,
    }
    target = f"ws://127.0.0.1:{agent_port}/acp"
    with GatewayProcess(tmp_path_factory.mktemp("contained"), target, **settings) as running:
        yield running


@pytest.fixture
async def agent(agent_port: int) -> AsyncIterator[WebSocketAgent]:
    async with websocket_agent(agent_port) as found:
        yield found


@pytest.fixture
async def gateway(contained: GatewayProcess, agent: WebSocketAgent) -> AsyncIterator[GatewayProcess]:
    yield contained
    agent.refuses = False
    await leave_tidy(contained)


async def noticed(peer: Peer, kind: str) -> None:
    """Wait for a notice of this kind."""
    await peer.first(
        lambda message: message.get("method") == "_lumilink/notice" and message["params"].get("kind") == kind
    )


async def test_an_answer_given_while_the_link_is_broken_reaches_the_agent_once(
    gateway: GatewayProcess, agent: WebSocketAgent
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session("/")
        turn = await peer.start_prompt(session_id, "do it")
        question = await peer.question(session_id)
        agent.refuses = True
        agent.cut()
        with pytest.raises(RefusedError) as interrupted:
            await peer.result_of(turn)
        assert interrupted.value.data["code"] == "turn-interrupted"
        await peer.choose(question, "yes")
        agent.refuses = False
        await peer.hears(session_id, "chose yes")
        await noticed(peer, "agent-back")

        assert len(agent.answers) == 1
        assert agent.connections == 2
        asked = [message for message in peer.messages if message.get("id") == question["id"]]
        assert len(asked) == 1
        assert texts(peer.messages, session_id) == ["chose yes"]
    [decision] = notes_of(await entries_of(gateway.folder, session_id), EventKind.DECISION)
    assert decision["params"]["_meta"]["lumilink"]["state"] == "answered"


async def test_an_answer_outlives_the_worker_that_took_it(
    gateway: GatewayProcess, agent: WebSocketAgent
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        session_id = await peer.new_session("/")
        await peer.start_prompt(session_id, "do it")
        question = await peer.question(session_id)
        agent.refuses = True
        agent.cut()
        await noticed(peer, "agent-closed")
        await peer.choose(question, "no")

        async def is_decided() -> bool:
            return bool(notes_of(await entries_of(gateway.folder, session_id), EventKind.DECISION))

        assert await becomes_true(is_decided, 10.0)
        [worker] = gateway.workers()
        worker.kill()
        agent.refuses = False
        await peer.hears(session_id, "chose no")

        assert len(agent.answers) == 1
        assert len(notes_of(await entries_of(gateway.folder, session_id), EventKind.DECISION)) == 1


async def test_an_answer_that_the_agent_does_not_ask_for_again_is_said_to_be_unheard(
    gateway: GatewayProcess, agent: WebSocketAgent
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        agent.asks_again = False
        session_id = await peer.new_session("/")
        await peer.start_prompt(session_id, "do it")
        question = await peer.question(session_id)
        agent.cut()
        await noticed(peer, "agent-closed")
        await peer.choose(question, "yes")
        await noticed(peer, "answer-unheard")

        assert agent.answers == []
    [decision] = notes_of(await entries_of(gateway.folder, session_id), EventKind.DECISION)
    assert decision["params"]["_meta"]["lumilink"]["state"] == "answered"


async def test_a_link_on_which_nothing_is_heard_is_dead_and_made_anew(
    gateway: GatewayProcess, agent: WebSocketAgent
) -> None:
    async with begun_peer(gateway.acp_over_websocket) as peer:
        await peer.new_session("/")
        agent.freeze()
        await noticed(peer, "agent-closed")
        await noticed(peer, "agent-back")

        assert agent.connections == 2
        assert agent.heard[-1] == "session/resume"
