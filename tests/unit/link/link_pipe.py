"""Two ends of a link without a socket between them, and a handler that writes down what it is told."""

import asyncio
from collections.abc import Awaitable, Callable

import msgpack

from actors import errors
from actors.link.channel import DEFAULT_TIMINGS, Channel, LinkTimings

SECRET = "c0ffee" * 10


class Recorder:
    """A ``LinkHandler``. ``told`` holds (what, ...) in the order of arrival; ``answer`` answers calls."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.answer: Callable[[str, dict[str, object]], Awaitable[object]] = _echo

    def link_open(self, channel: Channel, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        self.told.append(("open", stream, session_id, greeting))

    def link_data(self, channel: Channel, stream: int, message: bytes, seq: int) -> None:
        self.told.append(("data", stream, message, seq))

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        self.told.append(("answer", stream, request_id, message))

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        self.told.append(("close", stream, type(error), error.detail, error.retry_after_s))

    def link_moved(self, channel: Channel, stream: int, life: str) -> None:
        self.told.append(("moved", stream, life))

    def link_credit(self, channel: Channel, stream: int, frames: int, size: int) -> None:
        self.told.append(("credit", stream, frames, size))

    def link_call(self, channel: Channel, method: str, arguments: dict[str, object]) -> Awaitable[object]:
        return self.answer(method, arguments)

    def link_writable(self, channel: Channel) -> None:
        self.told.append(("writable",))

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        self.told.append(("lost",))


async def _echo(method: str, arguments: dict[str, object]) -> object:
    return [method, arguments]


class End(asyncio.Transport):
    """One end of a socket in memory. ``written`` is all that was said; ``mute`` keeps it from arriving,
    ``unsent`` bytes are with the socket yet."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.peer: End | None = None
        self.written = bytearray()
        self.mute = False
        self.unsent = 0
        self.aborted = False
        self._over = False

    @property
    def over(self) -> bool:
        return self._over

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._over:
            return
        self.written += data
        if self.peer is not None and not self.mute:
            asyncio.get_running_loop().call_soon(self.peer.feed, bytes(data))

    def feed(self, data: bytes) -> None:
        if not self._over:
            self.protocol.data_received(data)

    def close(self) -> None:
        asyncio.get_running_loop().call_soon(self.end)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def end(self) -> None:
        if self._over:
            return
        self._over = True
        self.protocol.connection_lost(None)
        if self.peer is not None:
            asyncio.get_running_loop().call_soon(self.peer.end)


class Pipe:
    """A caller and a listener that hear each other."""

    def __init__(
        self,
        at_caller: Recorder,
        at_listener: Recorder,
        *,
        secrets: tuple[str, str] = (SECRET, SECRET),
        timings: LinkTimings = DEFAULT_TIMINGS,
    ) -> None:
        self.at_caller = at_caller
        self.at_listener = at_listener
        self.caller = Channel("caller", "replica-1", secrets[0], at_caller, timings)
        self.listener = Channel("listener", "worker-1", secrets[1], at_listener, timings)
        self.caller_end = End(self.caller)
        self.listener_end = End(self.listener)
        self.caller_end.peer, self.listener_end.peer = self.listener_end, self.caller_end
        self.caller.connection_made(self.caller_end)
        self.listener.connection_made(self.listener_end)

    async def settle(self) -> None:
        """Let everything that is said arrive and be handled."""
        for _ in range(20):
            await asyncio.sleep(0)


class Stranger:
    """A listener that has to do with a peer of which the test itself writes every byte."""

    def __init__(self, timings: LinkTimings = DEFAULT_TIMINGS) -> None:
        self.handler = Recorder()
        self.channel = Channel("listener", "worker-1", SECRET, self.handler, timings)
        self.end = End(self.channel)
        self.channel.connection_made(self.end)

    async def say(self, *frames: object) -> None:
        """All frames in one piece."""
        await self.say_bytes(b"".join(msgpack.packb(frame) for frame in frames))

    async def say_bytes(self, data: bytes) -> None:
        self.end.feed(data)
        for _ in range(5):
            await asyncio.sleep(0)

    def heard(self) -> list[tuple[object, ...]]:
        """All frames that the channel has sent so far."""
        unpacker = msgpack.Unpacker(use_list=False)
        unpacker.feed(bytes(self.end.written))
        return list(unpacker)
