"""One end of a link: framing, batching, heartbeats and calls over one TCP socket.

Frames that are written in one turn of the event loop leave in one ``write`` at its end; measured
against a 2 ms timer this carried more and waited less. Reading is plain callbacks, so a frame costs
no task. Order is kept: what the peer wrote first is handled first, calls' replies included.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final, cast

import msgpack

from actors import errors
from actors.kernel.ground import describe
from actors.link.calls import Answering, OnReply, PendingCalls, error_from_wire
from actors.link.frames import LENGTHS, FrameKind
from actors.link.handler import LinkHandler
from actors.link.handshake import Handshake, StrangerError

log = logging.getLogger("lumilink.link")

READ_BUFFER_BYTES: Final = 64 * 1024 * 1024
STRANGER_BYTES: Final = 4096
"""What a peer may leave unproven: two HELLO frames take about 250 bytes."""
WRITE_HIGH_WATER_BYTES: Final = 4 * 1024 * 1024

# Plain numbers: looking a member up in an enum costs more than packing the frame's head.
_DATA, _ANSWER, _CREDIT = int(FrameKind.DATA), int(FrameKind.ANSWER), int(FrameKind.CREDIT)


@dataclass(frozen=True, slots=True)
class LinkTimings:
    """The times of a link, in seconds: between heartbeats, of silence that ends it, to shake hands."""

    heartbeat_interval_s: float = 2.0
    silence_limit_s: float = 10.0
    handshake_limit_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 < self.heartbeat_interval_s < self.silence_limit_s:
            raise errors.SettingsError("link: expected 0 < heartbeat_interval_s < silence_limit_s")
        if self.handshake_limit_s <= 0.0:
            raise errors.SettingsError("link: handshake_limit_s: expected a time above 0")


DEFAULT_TIMINGS: Final = LinkTimings()


class Channel(asyncio.Protocol):
    """One end of one link. ``role`` is "caller" for the side that connected, "listener" for the other."""

    def __init__(
        self,
        role: str,
        name: str,
        secret: str,
        handler: LinkHandler,
        timings: LinkTimings = DEFAULT_TIMINGS,
    ) -> None:
        self.role = role
        self.name = name
        self.congested = False
        self._handler = handler
        self._timings = timings
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pack = msgpack.Packer(use_bin_type=True).pack
        self._unpacker = msgpack.Unpacker(use_list=False, max_buffer_size=READ_BUFFER_BYTES)
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._paused = False
        self._handshake = Handshake(role, name, secret)
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ready.add_done_callback(_retrieve)
        self._calls = PendingCalls()
        self._answering = Answering(self._write)
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        self._stranger_bytes = 0
        self._proven = False
        self._cut = False
        self._lost = False

    def __repr__(self) -> str:
        state = "lost" if self._lost else "open" if self._proven else "unproven"
        return f"<Channel {self.name} to {self.peer_name or 'peer'}, {state}>"

    @property
    def peer_name(self) -> str:
        """What the peer calls itself; empty until it has spoken, believed once the link is open."""
        return self._handshake.peer_name

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and the socket is there."""
        return self._proven and not self._lost and not self._cut

    @property
    def queued_bytes(self) -> int:
        """What was written and is not with the system yet."""
        return self._out_bytes + (self._transport.get_write_buffer_size() if self._transport else 0)

    @property
    def queued_frames(self) -> int:
        """How many frames were written in this turn of the loop; they leave together at its end."""
        return len(self._out)

    async def wait_ready(self) -> None:
        """Wait for the handshake; raises LinkBrokenError if it fails or takes longer than its limit."""
        limit_s = self._timings.handshake_limit_s
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.shield(self._ready)
        except TimeoutError:
            self.abort()
            raise errors.LinkBrokenError(f"link to {self._peer}: no handshake in {limit_s:g} s") from None

    # ---------------------------------------------------------------- writing

    def send_data(self, stream: int, message: bytes, seq: int = 0) -> None:
        """Queue a message of an attachment; ``seq`` is its place in the session's stream, if it has one."""
        self._write((_DATA, stream, seq, message))

    def send_answer(self, stream: int, request_id: object, message: bytes) -> None:
        """Queue the answer to a client's request."""
        self._write((_ANSWER, stream, request_id, message))

    def send_open(self, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        """Attach a client to a session."""
        self._write((FrameKind.OPEN, stream, session_id, greeting))

    def send_close(self, stream: int, error: errors.LumiLinkError) -> None:
        """End an attachment and say why."""
        self._write((FrameKind.CLOSE, stream, error.code, error.detail, error.retry_after_s))

    def send_moved(self, stream: int, life: str) -> None:
        """Refuse an OPEN: the worker with this life holds the session's workspace."""
        self._write((FrameKind.MOVED, stream, life))

    def send_credit(self, stream: int, frames: int, size: int) -> None:
        """Tell the peer how much of a stream was passed on."""
        self._write((_CREDIT, stream, frames, size))

    def call(self, method: str, arguments: dict[str, object], on_reply: OnReply) -> int:
        """Ask the peer; ``on_reply`` gets the result or the error, in the order of the socket.

        It is called exactly once, also when the link breaks. Raises LinkBrokenError where the link is
        already gone and MailboxFullError where 16,384 calls are unanswered. Returns the call's number.
        """
        if not self.is_open:
            raise errors.LinkBrokenError(f"link to {self._peer} is down")
        number = self._calls.add(on_reply)
        try:
            self._write((FrameKind.CALL, number, method, arguments))
        except BaseException:  # what cannot be packed is not asked
            self._calls.forget(number)
            raise
        return number

    async def ask(self, method: str, arguments: dict[str, object], deadline_s: float) -> object:
        """``call`` as a coroutine. Raises what the peer answered, or AskDeadlineError."""
        future: asyncio.Future[object] = self._loop.create_future()

        def settle(reply: object) -> None:
            if future.done():
                return
            if isinstance(reply, errors.LumiLinkError):
                future.set_exception(reply)
            else:
                future.set_result(reply)

        number = self.call(method, arguments, settle)
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            raise errors.AskDeadlineError(f"{self._peer} did not answer {method} in {deadline_s} s") from None
        finally:
            self._calls.forget(number)

    def close(self) -> None:
        """End the link once what was written has left. Both sides are told by the end of the socket."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def abort(self) -> None:
        """End the link now: what was not sent yet is lost, and nothing more of the peer is handled."""
        self._cut = True
        if self._transport is not None:
            self._transport.abort()

    def _write(self, frame: tuple[object, ...]) -> None:
        if self._lost:
            return
        packed = self._pack(frame)
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packed)
        self._out_bytes += len(packed)
        if self._out_bytes > WRITE_HIGH_WATER_BYTES:
            # What one turn of the loop has for hundreds of clients must not wait here all at once.
            self.congested = True

    def _flush(self) -> None:
        out = self._out
        if not out or self._transport is None:
            return
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
        self._out_bytes = 0
        if self.congested and not self._paused:
            self._loop.call_soon(self._writable)

    def _writable(self) -> None:
        if self.congested and not self._paused:
            self.congested = False
            if self.is_open:
                self._handler.link_writable(self)

    # ---------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake: both sides send their nonce, then prove the secret on the other's."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)
        self._write(self._handshake.challenge())
        self._timer = self._loop.call_later(self._timings.handshake_limit_s, self._beat)

    def pause_writing(self) -> None:
        """The socket is congested: attachments stop sending live and catch up later."""
        self._paused = self.congested = True

    def resume_writing(self) -> None:
        """The socket takes data again."""
        self._paused = False
        self._writable()

    def data_received(self, data: bytes) -> None:
        """Handle every whole frame in ``data``."""
        self._heard_at = self._loop.time()
        try:
            self._unpacker.feed(data)
            for frame in self._unpacker:
                if self._proven:
                    self._handle(frame)
                else:
                    self._shake_hands(frame)
                if self._cut:
                    return
        except (ValueError, TypeError, msgpack.UnpackException) as exc:
            self._give_up(f"broke the framing ({type(exc).__name__})")
            return
        if not self._proven:
            self._stranger_bytes += len(data)
            if self._stranger_bytes > STRANGER_BYTES:
                self._give_up("said too much without a proof")

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is unanswered and tell the handler once."""
        if self._lost:
            return
        self._lost = True
        self._out.clear()
        if self._timer is not None:
            self._timer.cancel()
        error = errors.LinkBrokenError(f"link to {self._peer} broke")
        if not self._ready.done():
            self._ready.set_exception(error)
        self._calls.fail_all(error)
        self._answering.cancel()
        if self._proven:
            self._handler.link_lost(self, error)

    # ---------------------------------------------------------------- frames

    def _shake_hands(self, frame: object) -> None:
        try:
            reply = self._handshake.take(frame)
        except StrangerError as stranger:
            self._give_up(str(stranger))
            return
        if reply is not None:
            self._write(reply)
        if self._handshake.proven:
            self._proven = True
            self._ready.set_result(None)
            self._beat()

    def _handle(self, frame: object) -> None:
        if type(frame) is not tuple or not frame or LENGTHS.get(frame[0]) != len(frame):
            self._give_up("sent a frame that is none")
            return
        kind = frame[0]
        try:
            if kind == _DATA:
                self._handler.link_data(self, frame[1], frame[3], frame[2])
            elif kind == _CREDIT:
                self._handler.link_credit(self, frame[1], frame[2], frame[3])
            elif kind == _ANSWER:
                self._handler.link_answer(self, frame[1], frame[2], frame[3])
            else:
                self._handle_rare(kind, frame)
        except Exception as error:  # noqa: BLE001 - one frame must not end the link of a thousand clients
            log.error("a frame of kind %s from %s failed: %s", kind, self._peer, describe(error))

    def _handle_rare(self, kind: object, frame: tuple[Any, ...]) -> None:
        match kind:
            case FrameKind.OPEN:
                self._handler.link_open(self, frame[1], frame[2], frame[3])
            case FrameKind.CLOSE:
                self._handler.link_close(self, frame[1], error_from_wire(*frame[2:5]))
            case FrameKind.MOVED:
                self._handler.link_moved(self, frame[1], str(frame[2]))
            case FrameKind.CALL:
                _, number, method, arguments = frame
                self._answering.start(
                    number, method, lambda: self._handler.link_call(self, method, arguments)
                )
            case FrameKind.REPLY | FrameKind.FAIL:
                self._calls.settle(frame)
            case FrameKind.PING:
                self._write((FrameKind.PONG, frame[1]))
            case FrameKind.PONG:
                pass  # that it came is what counts
            case _:
                self._give_up("shook hands twice")

    # ---------------------------------------------------------------- heartbeat

    def _beat(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        silent_s = self._loop.time() - self._heard_at
        if not self._proven:
            self._give_up("has not proved itself in time")
            return
        if silent_s > self._timings.silence_limit_s:
            self._give_up(f"said nothing for {silent_s:.1f} s")
            return
        self._write((FrameKind.PING, self._loop.time()))
        self._timer = self._loop.call_later(self._timings.heartbeat_interval_s, self._beat)

    def _give_up(self, why: str) -> None:
        log.warning("peer %s %s: cut off", self._peer, why)
        self.abort()

    @property
    def _peer(self) -> str:
        return self.peer_name or "unknown"


def _retrieve(future: asyncio.Future[None]) -> None:
    # A handshake may fail with nobody waiting for it; that must not warn at garbage collection.
    if not future.cancelled():
        future.exception()
