"""The agent of the chaos run remembers all that it said, also when it is killed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect, ws_create_server
from picows.common import WSUpgradeRequest

from loadtests.chaos.agent import AgentConnection, Home
from loadtests.chaos.memory import Memory
from loadtests.chaos.orders import Orders
from topology.verify.agent_record import AgentRecords

SOON_S = 5.0


class Peer(WSListener):
    """The gateway's side of a connection to the agent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.messages.append(json.loads(frame.get_payload_as_bytes()))
        self._news.set()

    def send(self, **message: object) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.TEXT, json.dumps({"jsonrpc": "2.0", **message}).encode())

    async def answer(self, number: int) -> Any:
        """The answer to request ``number``."""
        while True:
            for message in self.messages:
                if message.get("id") == number and "method" not in message:
                    return message.get("result", message.get("error"))
            self._news.clear()
            await self._news.wait()

    async def ask(self, number: int, method: str, **params: object) -> Any:
        self.send(id=number, method=method, params=params)
        return await self.answer(number)

    async def prompt(self, number: int, session: str, orders: Orders, prompt_id: str = "p") -> None:
        blocks = [{"type": "text", "text": orders.text()}]
        meta = {"lumilink": {"promptId": prompt_id}}
        params = {"sessionId": session, "prompt": blocks, "_meta": meta}
        self.send(id=number, method="session/prompt", params=params)

    def updates(self) -> list[dict[str, Any]]:
        found = [one["params"]["update"] for one in self.messages if one.get("method") == "session/update"]
        return [one for one in found if one["sessionUpdate"] != "user_message_chunk"]

    async def hears(self, updates: int) -> None:
        while len(self.updates()) < updates:
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        assert self._transport is not None
        self._transport.disconnect(graceful=False)


class Agent:
    """The agent, with its memory from ``record``."""

    def __init__(self, record: Path) -> None:
        self.url = ""
        self._home = Home(Memory(record))
        self._connections: list[AgentConnection] = []
        self._peers: list[Peer] = []

    def accept(self, _: WSUpgradeRequest) -> AgentConnection:
        self._connections.append(AgentConnection(self._home))
        return self._connections[-1]

    async def connect(self) -> Peer:
        peer = Peer()
        await ws_connect(lambda: peer, self.url)
        self._peers.append(peer)
        return peer

    async def hang_up(self) -> None:
        for peer in self._peers:
            peer.close()
        while any(connection.is_open for connection in self._connections):
            await asyncio.sleep(0)
        await asyncio.sleep(0)


@asynccontextmanager
async def agent(record: Path) -> AsyncIterator[Agent]:
    """An agent that serves on loopback for the length of the block."""
    running = Agent(record)
    server = await ws_create_server(running.accept, "127.0.0.1", 0)
    running.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/acp"
    try:
        async with asyncio.timeout(SOON_S):
            yield running
            await running.hang_up()
    finally:
        server.close()


def said(record: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return [line["update"] for line in lines if line["event"] == "said"]


async def test_all_that_is_said_is_recorded_and_repeated_by_a_load(tmp_path: Path) -> None:
    record = tmp_path / "agent.jsonl"
    async with agent(record) as running:
        peer = await running.connect()
        session = (await peer.ask(1, "session/new", cwd="/", mcpServers=[]))["sessionId"]
        await peer.prompt(2, session, Orders(updates=12))
        assert await peer.answer(2) == {"stopReason": "end_turn"}
        assert peer.updates() == said(record)
        again = await running.connect()
        assert await again.ask(1, "session/load", sessionId=session) == {}
        assert again.updates() == peer.updates()
        assert again.messages[0]["params"]["update"]["sessionUpdate"] == "user_message_chunk"
    assert len({json.dumps(one) for one in peer.updates()}) == len(peer.updates()) > 12


async def test_a_load_adds_nothing_to_the_record(tmp_path: Path) -> None:
    record = tmp_path / "agent.jsonl"
    async with agent(record) as running:
        peer = await running.connect()
        session = (await peer.ask(1, "session/new"))["sessionId"]
        await peer.prompt(2, session, Orders(updates=3))
        await peer.answer(2)
        before = record.read_bytes()
        await peer.ask(3, "session/load", sessionId=session)
        await peer.ask(4, "session/resume", sessionId=session)
        assert record.read_bytes() == before


async def test_an_agent_that_was_killed_remembers_its_sessions(tmp_path: Path) -> None:
    record = tmp_path / "agent.jsonl"
    async with agent(record) as running:
        peer = await running.connect()
        session = (await peer.ask(1, "session/new"))["sessionId"]
        await peer.prompt(2, session, Orders(updates=3))
        await peer.answer(2)
    with record.open("ab") as file:
        file.write(b'{"event":"said","session":"cha')  # killed as it wrote
    async with agent(record) as running:
        back = await running.connect()
        other = (await back.ask(1, "session/new"))["sessionId"]
        assert other != session
        await back.ask(2, "session/load", sessionId=session)
        assert back.updates() == peer.updates()
        await back.prompt(3, session, Orders(updates=3), "p-2")
        await back.answer(3)
        assert [*back.updates()] == said(record)
    assert AgentRecords.read([record]).updates == len(said(record))


async def test_a_turn_ends_with_its_connection(tmp_path: Path) -> None:
    record = tmp_path / "agent.jsonl"
    async with agent(record) as running:
        peer = await running.connect()
        session = (await peer.ask(1, "session/new"))["sessionId"]
        await peer.prompt(2, session, Orders(updates=1000, interval=0.001))
        await peer.hears(2)
        peer.close()
        back = await running.connect()
        await back.ask(1, "session/resume", sessionId=session)
        await back.prompt(2, session, Orders(updates=1), "p-2")
        assert await back.answer(2) == {"stopReason": "end_turn"}
    assert len(said(record)) < 900


async def test_a_session_that_is_loaded_elsewhere_is_silent_here(tmp_path: Path) -> None:
    async with agent(tmp_path / "agent.jsonl") as running:
        peer, other = await running.connect(), await running.connect()
        session = (await peer.ask(1, "session/new"))["sessionId"]
        await peer.prompt(2, session, Orders(updates=1000, interval=0.001))
        await peer.hears(1)
        await other.ask(1, "session/load", sessionId=session)
        await other.prompt(2, session, Orders(updates=1), "p-2")
        assert await other.answer(2) == {"stopReason": "end_turn"}
        count = len(peer.messages)
        assert await peer.ask(3, "initialize") is not None
        assert len(peer.messages) == count + 1


async def test_a_cancelled_turn_is_answered(tmp_path: Path) -> None:
    async with agent(tmp_path / "agent.jsonl") as running:
        peer = await running.connect()
        session = (await peer.ask(1, "session/new"))["sessionId"]
        await peer.prompt(2, session, Orders(updates=1000, interval=0.001))
        await peer.hears(1)
        peer.send(method="session/cancel", params={"sessionId": session})
        assert await peer.answer(2) == {"stopReason": "cancelled"}


async def test_a_turn_that_asks_waits_for_the_answer_and_says_it(tmp_path: Path) -> None:
    async with agent(tmp_path / "agent.jsonl") as running:
        peer = await running.connect()
        session = (await peer.ask(1, "session/new"))["sessionId"]
        await peer.prompt(2, session, Orders(updates=2, asks=True))
        await peer.hears(3)
        asked = next(one for one in peer.messages if one.get("method") == "session/request_permission")
        assert "result" not in peer.messages[-1]
        peer.send(id=asked["id"], result={"outcome": {"outcome": "selected", "optionId": "yes"}})
        assert await peer.answer(2) == {"stopReason": "end_turn"}
        texts = [msgspec.json.encode(one).decode() for one in peer.updates()]
        assert any("selected" in text for text in texts)


async def test_what_the_agent_does_not_know_is_refused(tmp_path: Path) -> None:
    async with agent(tmp_path / "agent.jsonl") as running:
        peer = await running.connect()
        assert (await peer.ask(1, "session/load", sessionId="chaos-9"))["code"] == -32602
        assert (await peer.ask(2, "session/fork"))["code"] == -32601
