"""The way back over real sockets of this machine."""

import asyncio
import json
from collections.abc import Awaitable

from replica_world import SESSION, Book, Outlet, load, request

from actors import errors
from actors.capacity.ledger import Place
from actors.link.channel import Channel
from actors.link.endpoint import LinkServer
from actors.link.greeting import Greeting
from actors.protocol import compose
from actors.protocol.envelope import parse
from serve.ingress.client import ClientConnection
from serve.ingress.gateway import Gateway, IngressSettings
from serve.ingress.links import WorkerLinks
from serve.rights.identity import EVERYBODY

SECRET = "c0ffee" * 10


class Worker:
    """Shows every view the events after its cursor, of which there are ``seq``, and answers no prompt."""

    def __init__(self, name: str, seq: int, holder: str = "") -> None:
        self.life = f"gw:{name}:1"
        self.seq = seq
        self.holder = holder
        self.greetings: list[Greeting] = []
        self.said: list[bytes] = []
        self.server = LinkServer(name, SECRET, self)
        self.changed = asyncio.Event()

    async def listen(self) -> Place:
        address = await self.server.listen("127.0.0.1")
        return Place(self.life, self.life, address.host, address.port)

    def link_open(self, channel: Channel, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        told = Greeting(**greeting)  # type: ignore[arg-type]  # as the replica made it
        self.greetings.append(told)
        self.changed.set()
        if self.holder:
            channel.send_moved(stream, self.holder)
            return
        for seq in range(told.after_seq + 1, self.seq + 1):
            channel.send_data(stream, b"%d" % seq, seq)
        asked = parse(told.request)
        channel.send_answer(stream, asked.raw_id, compose.response(asked.echo_id, {"seq": self.seq}))

    def link_data(self, channel: Channel, stream: int, message: bytes, seq: int) -> None:
        self.said.append(message)
        self.changed.set()

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        raise AssertionError("replicas do not answer")

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        pass

    def link_moved(self, channel: Channel, stream: int, life: str) -> None:
        raise AssertionError("replicas move nobody")

    def link_credit(self, channel: Channel, stream: int, frames: int, size: int) -> None:
        pass

    def link_call(self, channel: Channel, method: str, arguments: dict[str, object]) -> Awaitable[object]:
        raise errors.MethodNotFoundError(method)

    def link_writable(self, channel: Channel) -> None:
        pass

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        pass

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(10.0):
            while len(self.said) < count:
                self.changed.clear()
                await self.changed.wait()


async def test_a_view_crosses_from_a_worker_that_ends_over_one_that_refuses_to_one_that_holds_it():
    first, third = Worker("w1", seq=3), Worker("w3", seq=5)
    second = Worker("w2", seq=0, holder=third.life)
    book, outlet = Book(), Outlet()
    places = [await worker.listen() for worker in (first, second, third)]
    book.living = places[:1]
    links = WorkerLinks("replica-1", SECRET, book)
    gateway = Gateway(IngressSettings(SECRET), links, book)
    client = ClientConnection("conn_1", EVERYBODY, gateway, outlet)
    client.initialize = b"{}"
    client.take(load(1))
    async with asyncio.timeout(10.0):
        while not outlet.opens:
            await asyncio.sleep(0)
    client.take(request(2, "session/prompt", prompt=[]))
    await first.hears(1)

    book.living = places[1:]
    await first.server.close()
    async with asyncio.timeout(10.0):
        while len(outlet.session) < 5:
            await asyncio.sleep(0)
    client.take(request(3, "session/prompt", prompt=[]))
    await third.hears(1)

    assert outlet.session == [b"1", b"2", b"3", b"4", b"5"]
    assert outlet.connection == []
    [greeting] = third.greetings
    assert (greeting.after_seq, greeting.reattach, greeting.pending) == (3, True, (b"2",))
    assert greeting.dead == first.life
    assert [json.loads(message)["params"]["sessionId"] for message in third.said] == [SESSION]
    await client.close()
    links.shut()
    for worker in (second, third):
        await worker.server.close()
