"""A cursor older than what is kept, over a real worker and links: the client is told, and shown the rest.

Each session has seven updates and a journal from which the oldest entries were removed.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from http_client import Get, HttpClient
from replica_world import Book, Json, Outlet, World

from actors import errors, storage
from actors.agents.link import AgentListener
from actors.agents.target import AgentTarget
from actors.capacity.ledger import Place
from actors.connection import port
from actors.connection.messages import ConnectionSettings
from actors.connection.sealing import new_key
from actors.host import Host, WorkerSettings
from actors.journal.memory import MemoryJournal
from actors.storage import StorageSettings
from serve.ingress.client import ClientConnection
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.links import WorkerLinks
from serve.rights.identity import EVERYBODY

SESSION = f"sess_{'a' * 27}"
ATTACH = "_lumilink/session/attach"
SECRET = "c0ffee" * 10
KEY = new_key()
UPDATES = 7
KEPT = 3


class _Agent:
    """Answers what it is asked, a prompt with seven updates."""

    def __init__(self, listener: AgentListener) -> None:
        self._listener = listener

    def send(self, frame: bytes) -> None:
        message = json.loads(frame)
        if message["method"] == "session/prompt":
            for number in range(UPDATES):
                content = {"type": "text", "text": f"update {number}"}
                update = {"sessionUpdate": "agent_message_chunk", "content": content}
                self._says({"method": "session/update", "params": {"sessionId": "a1", "update": update}})
        results = {
            "initialize": {"protocolVersion": 1, "agentCapabilities": {}},
            "session/new": {"sessionId": "a1"},
        }
        self._says(
            {"id": message["id"], "result": results.get(message["method"], {"stopReason": "end_turn"})}
        )

    def _says(self, message: Json) -> None:
        frame = json.dumps({"jsonrpc": "2.0", **message}).encode()
        asyncio.get_running_loop().call_soon(self._listener.agent_frame, frame)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    async def close(self) -> None:
        pass


class _Journal(MemoryJournal):
    async def close(self) -> None:
        """It outlives its workers."""


async def becomes(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10.0):
        while not true():
            await asyncio.sleep(0)


async def start_worker(book: Book, number: int) -> Host:
    host = Host(
        WorkerSettings(
            f"w{number}",
            "127.0.0.1",
            SECRET,
            10,
            ConnectionSettings(target=AgentTarget.parse("ws://127.0.0.1:1/acp")),
            StorageSettings(gateway="gateway", seal_key=KEY),
        ),
        lambda error: None,
    )
    address = await host.start()
    book.living = [Place(f"w{number}", host.storage.life, address.host, address.port)]
    return host


class Trimmed:
    """A gateway of one replica, with the session in the journal alone. ``first_seq`` is the oldest kept."""

    def __init__(self, gateway: Gateway, first_seq: int) -> None:
        self.gateway = gateway
        self.first_seq = first_seq

    def client(self) -> tuple[ClientConnection, Outlet]:
        outlet = Outlet()
        client = ClientConnection("conn_1", EVERYBODY, self.gateway, outlet)
        client.initialize = b'{"protocolVersion":1}'
        return client, outlet

    async def http_client(self) -> HttpClient:
        return await HttpClient(cast("World", self)).begins()

    def token(self, seq: int) -> str:
        return self.gateway.tokens.issue("default", SESSION, seq)


@pytest.fixture
async def trimmed(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trimmed]:
    journal, book = _Journal(), Book()

    async def open_journal(url: str, durability: str) -> MemoryJournal:
        return journal

    async def dial(target: object, listener: AgentListener, options: object) -> _Agent:
        return _Agent(listener)

    monkeypatch.setattr(storage, "open_journal", open_journal)
    monkeypatch.setattr(port, "dial", dial)
    monkeypatch.setattr("serve.ingress.opening.new_session_id", lambda: SESSION)
    links = WorkerLinks("replica-1", SECRET, book)
    gateway = Gateway(IngressSettings(SECRET), links, book)
    first = await start_worker(book, 1)
    await _converse(Trimmed(gateway, 1))
    await first.stop()
    # And the ends of the turn and of the connection to the agent.
    first_seq = await journal.trim(f"default/{SESSION}", keep_count=KEPT + 2)
    second = await start_worker(book, 2)
    yield Trimmed(gateway, first_seq)
    links.shut()
    await second.stop()
    await asyncio.sleep(0.01)  # for the sockets to be closed


async def _converse(before: Trimmed) -> None:
    client, outlet = before.client()
    client.take(said(1, "session/new", cwd="/", mcpServers=[]))
    await becomes(lambda: bool(outlet.opens))
    client.take(said(2, "session/prompt", prompt=[{"type": "text", "text": "go"}], sessionId=SESSION))
    await becomes(lambda: len(outlet.session) == UPDATES + 1)
    await client.close()


def said(number: int, method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


def seqs_of(messages: list[Json]) -> list[int]:
    found = [cast("dict[str, dict[str, dict[str, int]]]", one["params"])["_meta"] for one in messages]
    return [meta["lumilink"]["seq"] for meta in found]


async def hears(get: Get, count: int) -> list[Json]:
    async with asyncio.timeout(10.0):
        while len(get.heard) < count:
            await get.reads()
    return [json.loads(data) for data in get.heard]


@pytest.mark.parametrize("by_token", [True, False])
async def test_a_websocket_client_is_told_of_the_reset_and_shown_what_is_kept(
    trimmed: Trimmed, by_token: bool
):
    client, outlet = trimmed.client()
    cursor = {"resumeToken": trimmed.token(2)} if by_token else {"sessionId": SESSION, "afterSeq": 2}
    client.take(said(1, ATTACH, **cursor))
    await becomes(lambda: bool(outlet.opens))
    result = cast("Json", outlet.opens[0]["result"])

    assert (result["reset"], result["firstSeq"]) == (True, trimmed.first_seq)
    shown = seqs_of([json.loads(message) for message in outlet.session])
    assert shown == list(range(trimmed.first_seq, trimmed.first_seq + KEPT))
    await client.close()


async def test_an_http_client_is_told_of_the_reset_and_shown_what_is_kept(trimmed: Trimmed):
    client = await trimmed.http_client()
    await client.post(1, ATTACH, resumeToken=trimmed.token(2))
    get = await client.get(SESSION, trimmed.token(2))
    shown = seqs_of(await hears(get, KEPT))
    (answer,) = await client.answers()
    result = cast("Json", answer["result"])

    assert (result["reset"], result["firstSeq"]) == (True, trimmed.first_seq)
    assert shown == list(range(trimmed.first_seq, trimmed.first_seq + KEPT))
    await client.delete()


async def test_an_http_client_whose_id_is_too_old_is_told_on_its_stream(trimmed: Trimmed):
    client = await trimmed.http_client()
    await client.post(1, "session/resume", SESSION, cwd="/")
    get = await client.get(SESSION, trimmed.token(2))
    told, *shown = await hears(get, 1 + KEPT)

    assert told["method"] == "_lumilink/session/attached"
    assert told["params"] == {"sessionId": SESSION, "reset": True, "firstSeq": trimmed.first_seq}
    assert seqs_of(shown) == list(range(trimmed.first_seq, trimmed.first_seq + KEPT))
    await client.delete()


async def test_the_newest_event_is_not_too_old(trimmed: Trimmed):
    client, outlet = trimmed.client()
    client.take(said(1, ATTACH, sessionId=SESSION, afterSeq=trimmed.first_seq - 1))
    await becomes(lambda: bool(outlet.opens))

    assert cast("Json", outlet.opens[0]["result"])["reset"] is False
    assert len(outlet.session) == KEPT
    await client.close()


async def test_a_cursor_that_no_event_has_had_yet_is_refused(trimmed: Trimmed):
    client, outlet = trimmed.client()
    client.take(said(1, ATTACH, resumeToken=trimmed.token(1000)))
    await becomes(lambda: bool(outlet.connection) or bool(outlet.opens))

    (refusal, *_) = [*outlet.connection, *outlet.opens]
    assert cast("Json", refusal["error"])["code"] == errors.InvalidParamsError.rpc_code
    await client.close()
