"""Requests of HTTP connections that another replica holds.

A load balancer may send any POST or GET to any replica. A connection's id ends with the replica that holds
it, its home; other replicas pass its requests on over a link, and its streams back. If the home is gone,
so is the connection, not its sessions.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Protocol, cast

from actors import errors
from actors.capacity.ingress import IngressReport
from actors.link.channel import Channel
from actors.link.endpoint import LinkAddress, LinkServer, connect
from serve.ingress.event_stream import EventReader
from serve.rights import Identity

log = logging.getLogger("lumilink.ingress")

FORWARD_DEADLINE_S = 70.0
ASK_INTERVAL_S = 0.5
MAX_CHUNKS_ON_THE_WAY = 32


@dataclass(frozen=True, slots=True)
class AcpRequest:
    """What of an HTTP request matters to ``/acp``."""

    method: str
    identity: Identity
    connection_id: str | None = None
    session_id: str | None = None
    content_type: str = ""
    accept: str = ""
    last_event_id: str | None = field(default=None, repr=False)
    body: bytes = field(default=b"", repr=False)

    def wire(self) -> dict[str, object]:
        """As it travels to another replica."""
        told: dict[str, object] = {one.name: getattr(self, one.name) for one in fields(self)}
        return told | {"identity": self.identity.wire()}

    @classmethod
    def from_wire(cls, wire: dict[str, object]) -> AcpRequest:
        """What ``wire`` made."""
        identity = Identity.from_wire(cast("list[object]", wire["identity"]))
        return cls(**{**wire, "identity": identity})  # type: ignore[arg-type] # a peer of ours


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered to a POST or DELETE."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class HomeHttp(Protocol):
    """The side that holds connections; see ``http.py``."""

    async def answer(self, request: AcpRequest) -> Answer:
        """Serve a POST or DELETE of a connection that is held here."""

    async def stream(self, request: AcpRequest) -> EventReader:
        """The stream that a GET asks for, which is that GET's from now on."""


class _Relay:
    """A stream on its way from its home: what has arrived and is not passed on yet.

    The home sends no more chunks than it has credit for, so the queue is never full.
    """

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | errors.LumiLinkError] = asyncio.Queue(2 * MAX_CHUNKS_ON_THE_WAY)

    def put(self, chunk: bytes | errors.LumiLinkError) -> None:
        self._chunks.put_nowait(chunk)

    async def next(self) -> bytes | errors.LumiLinkError:
        # No deadline: the home sends a keep-alive at least, and a home that is gone ends the relay.
        return await self._chunks.get()


class Peers:
    """Both ends of the links between replicas."""

    def __init__(
        self,
        replica_id: str,
        secret: str,
        keepalive_s: float,
        list_replicas: Callable[[], Awaitable[list[IngressReport]]],
    ) -> None:
        self.replica_id = replica_id
        self._list = list_replicas
        self._asked_at = float("-inf")
        self._secret = secret
        self._keepalive_s = keepalive_s
        self._home: HomeHttp | None = None
        self._server = LinkServer(replica_id, secret, self)
        self._peers: dict[str, LinkAddress] = {}
        self._channels: dict[str, Channel] = {}
        self._numbers = itertools.count(1)
        self._relays: dict[tuple[Channel, int], _Relay] = {}
        self._serving: dict[tuple[Channel, int], tuple[asyncio.Task[None], asyncio.Semaphore]] = {}

    async def listen(self, host: str, home: HomeHttp) -> LinkAddress:
        """Serve other replicas from ``home``."""
        self._home = home
        return await self._server.listen(host)

    def learn(self, alive: list[IngressReport]) -> None:
        """Where the other replicas are now."""
        self._peers = {one.replica_id: LinkAddress(one.host, one.port) for one in alive}

    async def home_of(self, connection_id: str) -> str | None:
        """The replica that holds a connection, if it is another one that is alive."""
        home = connection_id.rpartition(".")[2]
        if home == self.replica_id:
            return None
        if home not in self._peers:
            await self._ask_again()
        return home if home in self._peers else None

    async def _ask_again(self) -> None:
        """Learn of replicas that started since the last heartbeat; at most twice a second."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_at >= ASK_INTERVAL_S:
            self._asked_at = now
            self.learn(await self._list())

    # ------------------------------------------------------------------ towards the home

    async def forward(self, home: str, request: AcpRequest) -> Answer:
        """Let the home answer. Raises what it raised, or LinkBrokenError."""
        channel = await self._channel(home)
        found = await channel.ask("http", request.wire(), FORWARD_DEADLINE_S)
        assert isinstance(found, dict)
        headers = tuple((str(name), str(value)) for name, value in found["headers"])
        return Answer(int(found["status"]), bytes(found["body"]), headers)

    async def relay(self, home: str, request: AcpRequest) -> AsyncIterator[bytes]:
        """The chunks of a stream that the home holds. Raises what it raised, before the first chunk."""
        channel = await self._channel(home)
        key = (channel, next(self._numbers))
        relay = self._relays[key] = _Relay()
        channel.send_open(key[1], str(request.connection_id), request.wire())
        first = await relay.next()
        if isinstance(first, errors.LumiLinkError):
            del self._relays[key]
            raise first
        return self._relayed(key, relay, first)

    async def _relayed(self, key: tuple[Channel, int], relay: _Relay, first: bytes) -> AsyncIterator[bytes]:
        channel, number = key
        chunk: bytes | errors.LumiLinkError = first
        try:
            while not isinstance(chunk, errors.LumiLinkError):
                yield chunk
                channel.send_credit(number, 1, len(chunk))
                chunk = await relay.next()
        finally:
            self._relays.pop(key, None)
            channel.send_close(number, errors.RequestCancelledError("the client left"))

    async def _channel(self, home: str) -> Channel:
        channel = self._channels.get(home)
        if channel is None or not channel.is_open:
            address = self._peers.get(home)
            if address is None:
                raise errors.ConnectionUnknownError("Acp-Connection-Id: its replica is gone")
            channel = self._channels[home] = await connect(self.replica_id, self._secret, address, self)
        return channel

    # ------------------------------------------------------------------ LinkHandler

    async def link_call(self, channel: Channel, method: str, arguments: dict[str, object]) -> object:
        """Answer a request that another replica passes on."""
        if method != "http" or self._home is None:
            raise errors.MethodNotFoundError(f"a replica has no call {method}")
        return asdict(await self._home.answer(AcpRequest.from_wire(arguments)))

    def link_open(self, channel: Channel, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        """Send another replica a stream of ours."""
        request = AcpRequest.from_wire(greeting)
        room = asyncio.Semaphore(MAX_CHUNKS_ON_THE_WAY)
        task = asyncio.get_running_loop().create_task(self._send_stream(channel, stream, request, room))
        self._serving[channel, stream] = (task, room)
        task.add_done_callback(lambda _: self._serving.pop((channel, stream), None))

    async def _send_stream(
        self, channel: Channel, number: int, request: AcpRequest, room: asyncio.Semaphore
    ) -> None:
        assert self._home is not None
        try:
            stream = await self._home.stream(request)
            # An empty chunk says that the stream is there.
            channel.send_data(number, b"")
            async for chunk in stream.events(self._keepalive_s):
                await room.acquire()
                channel.send_data(number, chunk)
            channel.send_close(number, errors.ConnectionUnknownError("the stream ended"))
        except errors.LumiLinkError as error:
            channel.send_close(number, error)

    def link_data(self, channel: Channel, stream: int, message: bytes, seq: int) -> None:
        """A chunk of a stream that is relayed here."""
        relay = self._relays.get((channel, stream))
        if relay is not None:
            relay.put(message)

    def link_credit(self, channel: Channel, stream: int, frames: int, size: int) -> None:
        """Another replica's client took a chunk."""
        serving = self._serving.get((channel, stream))
        if serving is not None:
            serving[1].release()

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        """Either the client of another replica left, or a stream that is relayed here ended."""
        relay = self._relays.get((channel, stream))
        if relay is not None:
            relay.put(error)
        serving = self._serving.get((channel, stream))
        if serving is not None:
            serving[0].cancel()

    def link_moved(self, channel: Channel, stream: int, life: str) -> None:
        """Replicas hold no workspaces."""

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        """A replica is gone."""
        for key in [key for key in (*self._relays, *self._serving) if key[0] is channel]:
            self.link_close(*key, error)

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        """Replicas do not answer each other's clients."""

    def link_writable(self, channel: Channel) -> None:
        """What was written waits in the link's buffer, bounded by the credit."""
