"""The stub agent's pacing, and agent and generator talking to each other over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from picows import WSMsgType, ws_create_server

from actors.errors import AgentProtocolError
from loadtests.client_session import ClientSession, Tally
from loadtests.pacing import Pacer, StubSession
from loadtests.stub_agent import AgentConnection, StubAgents
from loadtests.wire import Frame, Orders, read_stamp, response


class Socket:
    """An outlet that fills up after ``room`` frames."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.paused = False
        self.room = room
        self.stamps: list[tuple[int, int]] = []
        self.full = asyncio.Event()

    def write(self, payload: bytes) -> None:
        stamp = read_stamp(payload)
        assert stamp is not None
        self.stamps.append(stamp)
        if len(self.stamps) >= self.room:
            self.paused = True
            self.full.set()


async def _ended(pacer: Pacer, session: StubSession, socket: Socket, orders: Orders) -> asyncio.Future[str]:
    reason: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    pacer.begin(session, socket, orders, reason.set_result)
    return reason


@pytest.mark.parametrize("interval", [0.0, 0.002])
async def test_a_turn_sends_what_was_ordered_and_then_ends(interval: float) -> None:
    session, socket = StubSession("s"), Socket()
    turn = await _ended(Pacer(), session, socket, Orders(10, interval))
    assert await asyncio.wait_for(turn, 5) == "end_turn"
    assert [number for _, number in socket.stamps] == list(range(10))
    assert (session.sent, session.turn) == (10, None)


async def test_numbers_go_on_from_turn_to_turn() -> None:
    pacer, session, socket = Pacer(), StubSession("s"), Socket()
    await asyncio.wait_for(await _ended(pacer, session, socket, Orders(3)), 5)
    await asyncio.wait_for(await _ended(pacer, session, socket, Orders(2)), 5)
    assert [number for _, number in socket.stamps] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("interval", [0.0, 0.001])
async def test_a_full_socket_stops_a_turn_until_it_has_room(interval: float) -> None:
    pacer, session, socket = Pacer(), StubSession("s"), Socket(room=3)
    turn = await _ended(pacer, session, socket, Orders(8, interval))
    await asyncio.wait_for(socket.full.wait(), 5)
    await asyncio.sleep(0.01)
    assert len(socket.stamps) == 3
    socket.paused, socket.room = False, 1_000_000
    pacer.resume(socket)
    assert await asyncio.wait_for(turn, 5) == "end_turn"
    assert [number for _, number in socket.stamps] == list(range(8))
    assert pacer.held == 1


async def test_held_updates_bear_the_times_at_which_they_were_due() -> None:
    pacer, session, socket = Pacer(), StubSession("s"), Socket(room=1)
    turn = await _ended(pacer, session, socket, Orders(5, 0.002))
    await asyncio.wait_for(socket.full.wait(), 5)
    await asyncio.sleep(0.02)
    socket.paused, socket.room = False, 1_000_000
    pacer.resume(socket)
    await asyncio.wait_for(turn, 5)
    held = [stamp for stamp, _ in socket.stamps[1:]]
    assert [after - before for before, after in pairwise(held)] == [2_000_000] * 3


async def test_a_cancelled_turn_sends_no_more() -> None:
    pacer, session, socket = Pacer(), StubSession("s"), Socket()
    turn = await _ended(pacer, session, socket, Orders(1000, 0.001))
    assert session.turn is not None
    session.turn.end("cancelled")
    assert await turn == "cancelled"
    sent = len(socket.stamps)
    await asyncio.sleep(0.01)
    assert len(socket.stamps) == sent


@pytest.fixture
async def agent_url() -> AsyncIterator[str]:
    agents = StubAgents(Pacer())
    server = await ws_create_server(lambda _: AgentConnection(agents), "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/acp"
    server.close()
    await server.wait_closed()


@pytest.fixture
async def session(agent_url: str) -> AsyncIterator[ClientSession]:
    client = ClientSession()
    await client.open(agent_url, "/", 5)
    yield client
    client.close()
    await asyncio.sleep(0)


async def test_every_update_of_a_turn_arrives_before_the_turn_ends(session: ClientSession) -> None:
    session.tally = Tally(0, 2**62)
    answer = await asyncio.wait_for(session.prompt(Orders(200)), 5)
    assert bytes(answer.result) == b'{"stopReason":"end_turn"}'
    assert session.tally.carried == 200
    assert session.sequence.missing(200) == 0


async def test_a_second_prompt_in_a_running_turn_is_refused(session: ClientSession) -> None:
    running = session.prompt(Orders(1000, 0.5))
    second = await asyncio.wait_for(session.prompt(Orders(1)), 5)
    assert second.error is not None
    assert second.error.code == -32600
    assert not running.done()


async def test_a_method_that_the_stub_agent_does_not_know_is_refused(session: ClientSession) -> None:
    with pytest.raises(AgentProtocolError, match="-32601"):
        await session.ask("session/load", {})


async def test_the_report_tells_what_each_session_was_sent(session: ClientSession) -> None:
    await asyncio.wait_for(session.prompt(Orders(7)), 5)
    report = await session.ask("_bench/report", {})
    assert b'"sent":7,"sentBySession":{"stub-0":7}' in bytes(report.result)


class AskedSession(ClientSession):
    """A session that keeps what its agent asks, until it is told to allow it."""

    def __init__(self) -> None:
        super().__init__()
        self.question: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()

    def _answer(self, message: Frame) -> None:
        if message.method == "session/request_permission":
            self.question.set_result(message)
        else:
            super()._answer(message)

    def say(self, payload: bytes) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, payload)


@pytest.fixture
async def asked_session(agent_url: str) -> AsyncIterator[AskedSession]:
    client = AskedSession()
    await client.open(agent_url, "/", 5)
    yield client
    client.close()
    await asyncio.sleep(0)


async def test_an_agent_that_asks_begins_once_it_is_answered(asked_session: AskedSession) -> None:
    turn = asked_session.prompt(Orders(3, asks=True))
    question = await asyncio.wait_for(asked_session.question, 5)
    second = await asyncio.wait_for(asked_session.prompt(Orders(1)), 5)
    assert second.error is not None
    assert asked_session.sequence.next_number == 0
    asked_session.say(response(question.id, {"outcome": {"outcome": "selected", "optionId": "yes"}}))
    await asyncio.wait_for(turn, 5)
    assert asked_session.sequence.next_number == 3


async def test_a_turn_that_waits_for_an_answer_can_be_cancelled(asked_session: AskedSession) -> None:
    turn = asked_session.prompt(Orders(3, asks=True))
    await asyncio.wait_for(asked_session.question, 5)
    params = b'{"sessionId":"%s"}' % asked_session.session_id.encode()
    asked_session.say(b'{"jsonrpc":"2.0","method":"session/cancel","params":%s}' % params)
    answer = await asyncio.wait_for(turn, 5)
    assert bytes(answer.result) == b'{"stopReason":"cancelled"}'
