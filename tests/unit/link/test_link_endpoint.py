"""Links over real sockets of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from link_pipe import SECRET, Recorder

from actors.errors import LinkBrokenError
from actors.link import endpoint
from actors.link.endpoint import LinkAddress, LinkServer, connect


@pytest.fixture
async def server() -> AsyncIterator[tuple[LinkServer, LinkAddress, Recorder]]:
    handler = Recorder()
    server = LinkServer("worker-1", SECRET, handler)
    address = await server.listen("127.0.0.1")
    yield server, address, handler
    await server.close()


Serving = tuple[LinkServer, LinkAddress, Recorder]


async def test_a_message_crosses_a_real_socket(server: Serving):
    _, address, handler = server
    channel = await connect("replica-1", SECRET, address, Recorder())
    channel.send_data(1, b"x" * 1_000_000)
    assert await channel.ask("x", {}, 5.0) == ("x", {})

    assert handler.told == [("data", 1, b"x" * 1_000_000, 0)]
    channel.close()


async def test_a_wrong_secret_is_a_broken_link_for_the_caller(server: Serving):
    _, address, handler = server
    with pytest.raises(LinkBrokenError):
        await connect("replica-1", "another", address, Recorder())

    assert handler.told == []


async def test_a_port_where_nobody_listens_is_a_broken_link():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(LinkBrokenError, match="no link to"):
            await connect("replica-1", SECRET, LinkAddress("127.0.0.1", taken.getsockname()[1]), Recorder())


class Mute(asyncio.Protocol):
    """Accepts and says nothing."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.opened.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()


async def test_whoever_stops_waiting_for_the_handshake_leaves_no_socket_behind():
    peer = Mute()
    listener = await asyncio.get_running_loop().create_server(lambda: peer, "127.0.0.1", 0)
    address = LinkAddress("127.0.0.1", listener.sockets[0].getsockname()[1])
    opening = asyncio.ensure_future(connect("replica-1", SECRET, address, Recorder()))
    await peer.opened.wait()
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    async with asyncio.timeout(5.0):
        await peer.ended.wait()
    listener.close()


async def test_closing_the_server_ends_its_links(server: Serving):
    serving, address, handler = server
    at_caller = Recorder()
    await connect("replica-1", SECRET, address, at_caller)
    await serving.close()
    async with asyncio.timeout(5.0):
        while ("lost",) not in at_caller.told or ("lost",) not in handler.told:
            await asyncio.sleep(0)

    with pytest.raises(LinkBrokenError):
        await connect("replica-1", SECRET, address, Recorder())


async def test_a_host_that_takes_no_connection_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch):
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(endpoint, "CONNECT_LIMIT_S", 0.01)
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    with pytest.raises(LinkBrokenError, match="TimeoutError"):
        await connect("replica-1", SECRET, LinkAddress("127.0.0.1", 1), Recorder())
