"""The WebSocket wire: fragments, limits, silence and every way to end."""

from __future__ import annotations

import asyncio
import base64
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from picows import WSFrame, WSListener, WSTransport, WSUpgradeRequest, ws_create_server
from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from wires import Recorder, websocket_server

from actors.agents.dial import dial
from actors.agents.link import AgentLink, DialOptions
from actors.agents.target import AgentTarget
from actors.errors import AgentUnreachableError, MailboxFullError


async def dialled(url: str, recorder: Recorder, **options: float) -> AgentLink:
    return await dial(AgentTarget.parse(url), recorder, DialOptions(**options))  # type: ignore[arg-type]  # mixed


def raw(*frames: Frame) -> bytes:
    return b"".join(frame.serialize(mask=False) for frame in frames)


async def frames_of(wire: bytes, **options: float) -> Recorder:
    """What a listener gets of these bytes, and then of a text frame ``last`` and a close."""

    async def handler(socket: ServerConnection) -> None:
        socket.transport.write(wire)
        await socket.send("last")
        await socket.close()

    recorder = Recorder()
    async with websocket_server(handler) as url:
        link = await dialled(url, recorder, **options)
        await recorder.end()
        await link.close()
    return recorder


async def test_fragments_are_joined_and_control_frames_between_them_do_no_harm() -> None:
    recorder = await frames_of(
        raw(
            Frame(Opcode.TEXT, b"one ", fin=False),
            Frame(Opcode.PING, b"?"),
            Frame(Opcode.CONT, b"", fin=False),
            Frame(Opcode.CONT, b"message"),
        )
    )
    assert recorder.frames == [b"one message", b"last"]


async def test_binary_messages_are_ignored_whole_and_in_fragments() -> None:
    recorder = await frames_of(
        raw(
            Frame(Opcode.BINARY, b"\x00\x01"),
            Frame(Opcode.BINARY, b"\x00", fin=False),
            Frame(Opcode.CONT, b"\x01"),
        )
    )
    assert recorder.frames == [b"last"]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (raw(Frame(Opcode.CONT, b"x")), "continued a message that it had not begun"),
        (
            raw(Frame(Opcode.TEXT, b"x", fin=False), Frame(Opcode.TEXT, b"y")),
            "began a message inside a fragmented one",
        ),
        (raw(Frame(Opcode.TEXT, b"x" * 1001)), "1009"),
        (
            raw(Frame(Opcode.TEXT, b"x" * 600, fin=False), Frame(Opcode.CONT, b"x" * 600)),
            "sent a message of over 1000 bytes",
        ),
    ],
)
async def test_what_breaks_the_protocol_ends_the_link_and_says_why(wire: bytes, reason: str) -> None:
    recorder = await frames_of(wire, max_frame_bytes=1000)
    assert recorder.frames == []
    assert len(recorder.closed) == 1
    assert reason in recorder.closed[0].reason
    assert not recorder.closed[0].clean


async def test_the_agents_own_close_is_told_with_its_words() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.send("bye")
        await socket.close(4001, "out of tokens")

    recorder = Recorder()
    async with websocket_server(handler) as url:
        link = await dialled(url, recorder)
        closed = await recorder.end()
        await link.close()
    assert recorder.frames == [b"bye"]
    assert closed.reason == "the agent closed the WebSocket with code 4001: out of tokens"
    assert not closed.clean


async def test_a_connection_that_breaks_is_told_once() -> None:
    async def handler(socket: ServerConnection) -> None:
        socket.transport.abort()

    recorder = Recorder()
    async with websocket_server(handler) as url:
        link = await dialled(url, recorder)
        await recorder.end()
        await link.close()
    assert [closed.clean for closed in recorder.closed] == [False]


class _Mute(WSListener):
    """A peer that takes the handshake and then neither answers nor reads."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        transport.underlying_transport.pause_reading()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        raise AssertionError("it does not read")


@asynccontextmanager
async def mute_server() -> AsyncIterator[str]:
    peers: list[_Mute] = []

    def peer(request: WSUpgradeRequest) -> _Mute:
        peers.append(_Mute())
        return peers[-1]

    async with await ws_create_server(peer, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/acp"
        for mute in peers:
            mute.transport.disconnect(graceful=False)


async def test_a_half_open_agent_is_noticed() -> None:
    async with mute_server() as url:
        recorder = Recorder()
        link = await dialled(url, recorder, idle_timeout_s=0.04)
        closed = await recorder.end()
        assert "ping" in closed.reason
        await link.close()


async def test_an_agent_that_answers_keep_alives_may_be_silent_for_long() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.wait_closed()

    recorder = Recorder()
    async with websocket_server(handler) as url:
        link = await dialled(url, recorder, idle_timeout_s=0.04)
        await asyncio.sleep(0.2)
        assert recorder.closed == []
        await link.close()


async def test_a_link_that_we_paused_is_not_given_up_for_its_silence() -> None:
    async def handler(socket: ServerConnection) -> None:
        await socket.wait_closed()

    recorder = Recorder()
    async with websocket_server(handler) as url:
        link = await dialled(url, recorder, idle_timeout_s=0.02)
        link.pause_reading()
        await asyncio.sleep(0.1)  # five times what a link that is read would be given
        link.resume_reading()
        assert recorder.closed == []
        await link.close()


async def test_what_the_agent_leaves_unread_is_bounded_and_close_still_ends_in_time() -> None:
    async with mute_server() as url:
        recorder = Recorder()
        link = await dialled(url, recorder, max_frame_bytes=200_000, stop_grace_s=0.05)
        with pytest.raises(MailboxFullError):
            _send_for_ever(link)
        async with asyncio.timeout(1):
            await link.close()
        assert [closed.clean for closed in recorder.closed] == [True]


def _send_for_ever(link: AgentLink) -> None:
    for _ in range(1000):
        link.send(b"x" * 200_000)


async def test_a_port_where_nothing_listens_is_unreachable(unused_tcp_port: int) -> None:
    target = AgentTarget.parse(f"ws://me:c4n4ry@127.0.0.1:{unused_tcp_port}/acp?k=c4n4ry")
    with pytest.raises(AgentUnreachableError) as caught:
        await dial(target, Recorder(), DialOptions())
    assert "Connect" in caught.value.detail or "refused" in caught.value.detail
    assert "c4n4ry" not in caught.value.detail


async def test_a_server_that_never_answers_the_handshake_is_unreachable() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(AgentUnreachableError, match="within"):
            await dialled(f"ws://127.0.0.1:{port}/acp", Recorder(), connect_timeout_s=0.05)
        await asyncio.sleep(0.05)  # the handshake's own timer lets the socket go


async def test_a_server_that_hangs_up_instead_of_answering_is_unreachable() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(AgentUnreachableError, match=r"hung up|reset"):
            await dialled(f"ws://127.0.0.1:{port}/acp", Recorder())


async def test_a_server_that_refuses_the_upgrade_is_unreachable_with_its_status() -> None:
    server = await ws_create_server(lambda request: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(AgentUnreachableError, match="HTTP 404"):
            await dialled(f"ws://127.0.0.1:{port}/acp", Recorder())


async def test_credentials_go_into_a_header() -> None:
    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        await socket.send(socket.request.headers["Authorization"])
        await socket.send(socket.request.headers["Host"])

    recorder = Recorder()
    async with websocket_server(handler) as url:
        link = await dialled(url.replace("ws://", "ws://me:p%40ss@"), recorder)
        await recorder.end()
        await link.close()
    assert recorder.frames[0] == b"Basic " + base64.b64encode(b"me:p@ss")
    assert b"@" not in recorder.frames[1]


class _Quiet(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.disconnect()


async def test_a_link_with_its_peer_takes_well_under_100_kb() -> None:
    server = await ws_create_server(lambda request: _Quiet(), "127.0.0.1", 0, read_buffer_init_size=1024)
    async with server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/acp"
        links = [await dialled(url, Recorder()) for _ in range(20)]
        gc.collect()
        before = psutil.Process().memory_info().rss
        links += [await dialled(url, Recorder()) for _ in range(300)]
        gc.collect()
        each = (psutil.Process().memory_info().rss - before) / 300
        await asyncio.gather(*(link.close() for link in links))
    assert each < 100_000
