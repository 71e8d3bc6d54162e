"""A replica without sockets: its links lead to workers that write down what they are told."""

import asyncio
import json
from collections.abc import Callable
from typing import cast

import pytest

from actors import errors
from actors.capacity.ledger import Place
from actors.capacity.requests import Answer, Request
from actors.link.channel import Channel
from actors.link.endpoint import LinkAddress
from serve.ingress import links as links_module
from serve.ingress.client import ClientConnection
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.links import WorkerLinks
from serve.ingress.views import SessionView
from serve.rights.identity import EVERYBODY

Json = dict[str, object]
SESSION = "sess_1"


def place(worker: str, life: int = 1) -> Place:
    """A worker's place; another life of it listens on another port."""
    return Place(worker, f"gw:{worker}:{life}", "127.0.0.1", 1000 * int(worker[1:]) + life)


async def settle() -> None:
    """Let everything that can happen without time passing happen."""
    for _ in range(50):
        await asyncio.sleep(0)


def soon(step: Callable[..., None], *arguments: object) -> None:
    """As if it came over a socket."""
    asyncio.get_running_loop().call_soon(step, *arguments)


def request(number: object, method: str, session_id: str = SESSION, **more: object) -> bytes:
    params = {"sessionId": session_id, **more}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}).encode()


def load(number: object, session_id: str = SESSION) -> bytes:
    return request(number, "session/load", session_id, cwd="/", mcpServers=[])


def answer(number: object, result: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()


class Opened:
    """An OPEN frame as a worker got it."""

    def __init__(self, channel: "FakeChannel", stream: int, session_id: str, greeting: Json) -> None:
        self.channel = channel
        self.stream = stream
        self.session_id = session_id
        self.greeting = greeting
        self.request: Json = json.loads(cast("bytes", greeting["request"]))

    def says(self, message: bytes, seq: int = 0) -> None:
        self.channel.links.link_data(self.channel.real, self.stream, message, seq)

    def answers(self, number: object, result: object) -> None:
        request_id = json.dumps(number).encode()
        self.channel.links.link_answer(self.channel.real, self.stream, request_id, answer(number, result))

    def attaches(self, seq: int = 0, *, reset: bool = False) -> None:
        """The answer to a request of the replica's own."""
        result = {"sessionId": self.session_id, "seq": seq, "firstSeq": 1, "reset": reset}
        self.answers(self.request["id"], result)

    def loads(self, seq: int = 0) -> None:
        """The answer to the client's own request."""
        self.answers(self.request["id"], {"_meta": {"lumilink": {"seq": seq, "reset": False}}})

    def closes(self, error: errors.LumiLinkError) -> None:
        self.channel.links.link_close(self.channel.real, self.stream, error)

    def moves(self, life: str) -> None:
        self.channel.links.link_moved(self.channel.real, self.stream, life)

    def told(self) -> list[Json]:
        """What the client said on this stream."""
        return [json.loads(message) for stream, message in self.channel.data if stream == self.stream]


class FakeChannel:
    """A link to a worker."""

    peer_name = "worker"

    def __init__(self, links: WorkerLinks, port: int, on_open: Callable[[Opened], None]) -> None:
        self.links = links
        self.port = port
        self.is_open = True
        self.opened: list[Opened] = []
        self.data: list[tuple[int, bytes]] = []
        self.closed: list[int] = []
        self.credit: list[tuple[int, int]] = []
        self._on_open = on_open

    @property
    def real(self) -> Channel:
        return cast("Channel", self)

    def send_open(self, stream: int, session_id: str, greeting: Json) -> None:
        opened = Opened(self, stream, session_id, greeting)
        self.opened.append(opened)
        self._on_open(opened)

    def send_data(self, stream: int, message: bytes, seq: int = 0) -> None:
        self.data.append((stream, message))

    def send_close(self, stream: int, error: errors.LumiLinkError) -> None:
        self.closed.append(stream)

    def send_credit(self, stream: int, frames: int, size: int) -> None:
        self.credit.append((stream, frames))

    async def ask(self, method: str, arguments: Json, deadline_s: float) -> object:
        raise errors.LinkBrokenError("a worker that only writes down answers nothing")

    def close(self) -> None:
        self.is_open = False

    def breaks(self) -> None:
        self.is_open = False
        self.links.link_lost(self.real, errors.LinkBrokenError("link to worker broke"))


class Book:
    """The capacity actor: ``living`` workers, the first of which gets every session of a dead one."""

    def __init__(self) -> None:
        self.living: list[Place] = [place("w1")]
        self.homes: dict[str, Place] = {}
        self.asked: list[tuple[str, object]] = []
        self.full = False

    async def admit(self, requests: list[Request], given_up: list[str]) -> list[Answer]:
        self.asked += [("release", session_id) for session_id in given_up]
        return [self._home(request.session_id) for request in requests]

    async def release(self, session_id: str) -> None:
        self.asked.append(("release", session_id))

    async def locate(self, session_id: str) -> Place:
        return self._home(session_id)

    async def relocate(self, session_ids: list[str], lost: str) -> dict[str, Place]:
        self.asked.append(("relocate", (len(session_ids), lost)))
        if not self.living:
            raise errors.WorkerUnavailableError("no worker has reported yet")
        return {} if self.full else {session_id: self._home(session_id) for session_id in session_ids}

    async def whereis(self, life: str) -> Place | None:
        self.asked.append(("whereis", life))
        return next((one for one in self.living if one.life == life), None)

    async def places(self) -> list[Place]:
        return self.living

    def _home(self, session_id: str) -> Place:
        return self.homes.get(session_id, self.living[0])


class Outlet:
    """What a client gets."""

    def __init__(self) -> None:
        self.connection: list[Json] = []
        self.session: list[bytes] = []
        self.opens: list[Json] = []

    def to_connection(self, message: bytes) -> None:
        self.connection.append(json.loads(message))

    def to_session(self, view: SessionView, message: bytes, seq: int) -> None:
        self.session.append(message)
        view.passed(len(message))

    def answered(self, view: SessionView, answer: bytes) -> None:
        self.to_session(view, answer, 0)

    def opened(self, view: SessionView, answer: bytes) -> None:
        self.opens.append(json.loads(answer))


class World:
    """One replica. ``on_open`` is what workers do with an OPEN; unless it is set they wait for the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.book = Book()
        self.links = WorkerLinks("replica-1", "secret", self.book)
        self.gateway = Gateway(IngressSettings("secret"), self.links, self.book)
        self.channels: list[FakeChannel] = []
        self.unreachable: set[int] = set()
        self.tries = 0
        self.on_open: Callable[[Opened], None] = lambda opened: None
        monkeypatch.setattr(links_module, "connect", self._connect)

    async def _connect(
        self, name: str, secret: str, address: LinkAddress, handler: WorkerLinks
    ) -> FakeChannel:
        self.tries += 1
        await asyncio.sleep(0)
        if address.port in self.unreachable:
            raise errors.LinkBrokenError("nobody listens there")
        channel = FakeChannel(self.links, address.port, lambda opened: self.on_open(opened))
        self.channels.append(channel)
        return channel

    def client(self, name: str = "conn_1") -> tuple[ClientConnection, Outlet]:
        outlet = Outlet()
        client = ClientConnection(name, EVERYBODY, self.gateway, outlet)
        client.initialize = b"{}"
        return client, outlet

    async def attached(self, seq: int = 0) -> tuple[ClientConnection, Outlet, Opened]:
        """A client that has loaded the session, whose newest event is ``seq``."""
        client, outlet = self.client()
        client.take(load("load"))
        opened = await self.opened()
        opened.loads(seq)
        await settle()
        return client, outlet, opened

    def all_opened(self) -> list[Opened]:
        return [one for channel in self.channels for one in channel.opened]

    async def opened(self, number: int = 1) -> Opened:
        """The newest OPEN, which is the ``number``-th, once it is there."""
        async with asyncio.timeout(60.0):
            while len(self.all_opened()) < number:
                await asyncio.sleep(0.01)
        assert len(self.all_opened()) == number
        return max(self.all_opened(), key=lambda one: one.stream)

    def worker_dies(self, *successors: Place) -> None:
        """The workers that are linked are dead; their links break one after the other."""
        self.book.living = list(successors)
        for channel in [channel for channel in self.channels if channel.is_open]:
            self.unreachable.add(channel.port)
            channel.breaks()


def errors_of(outlet: Outlet) -> dict[object, str]:
    """The code of each error response that the client got on its connection, by the request's id."""
    found = {}
    for message in outlet.connection:
        if "error" in message:
            error = cast("Json", message["error"])
            found[message["id"]] = str(cast("Json", error["data"])["code"])
    return found


def notices_of(outlet: Outlet) -> list[Json]:
    return [
        cast("Json", message["params"])
        for message in outlet.connection
        if message.get("method") == "_lumilink/notice"
    ]
