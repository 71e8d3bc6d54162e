"""One end of a link: framing, batching, heartbeats and calls over one TCP socket.

Frames that are written in one turn of the event loop leave in one ``write`` at its end; measured
against a 2 ms timer this carried more and waited less. Reading is plain callbacks, so a frame costs
no task. Order is kept: what the peer wrote first is handled first, calls' replies included.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, cast

import msgpack

from actors import errors
from actors.link import secret as link_secret
from actors.link.frames import LINK_VERSION, FrameKind

log = logging.getLogger("lumilink.link")

MAX_CALLS = 16_384
READ_BUFFER_BYTES = 64 * 1024 * 1024
STRANGER_BYTES = 4096
"""What a peer may say in all before it has proved itself; two HELLO frames take about 200 bytes."""
WRITE_HIGH_WATER_BYTES = 4 * 1024 * 1024

_ERROR_BY_CODE: dict[str, type[errors.LumiLinkError]] = {}

Reply = object
OnReply = Callable[[Reply | errors.LumiLinkError], None]


def _error_classes(root: type[errors.LumiLinkError]) -> dict[str, type[errors.LumiLinkError]]:
    found = {root.code: root}
    for branch in root.__subclasses__():
        found.update(_error_classes(branch))
    return found


def error_from_wire(code: object, detail: object, retry_after_s: object) -> errors.LumiLinkError:
    """The error that a FAIL or CLOSE frame names; an unknown code becomes InternalError."""
    if not _ERROR_BY_CODE:
        _ERROR_BY_CODE.update(_error_classes(errors.LumiLinkError))
    cls = _ERROR_BY_CODE.get(str(code), errors.InternalError)
    return cls(str(detail), retry_after_s if isinstance(retry_after_s, int | float) else None)


@dataclass(frozen=True, slots=True)
class LinkTimings:
    """The times of a link, in seconds: each names the interval that it limits."""

    heartbeat_interval_s: float = 2.0
    silence_limit_s: float = 10.0
    handshake_limit_s: float = 5.0

    def __post_init__(self) -> None:
        if not 0.0 < self.heartbeat_interval_s < self.silence_limit_s or self.handshake_limit_s <= 0.0:
            raise errors.SettingsError("link: expected 0 < heartbeat_interval_s < silence_limit_s")


DEFAULT_TIMINGS = LinkTimings()


class LinkHandler(Protocol):
    """What a process does with the frames of a link. Everything but ``link_call`` must not block."""

    def link_open(self, channel: Channel, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        """A client attaches to a session (worker side)."""

    def link_data(self, channel: Channel, stream: int, message: bytes) -> None:
        """A message of an attachment."""

    def link_answer(self, channel: Channel, stream: int, request_id: object, message: bytes) -> None:
        """An answer to a client's request (replica side)."""

    def link_close(self, channel: Channel, stream: int, error: errors.LumiLinkError) -> None:
        """The peer ended an attachment."""

    def link_credit(self, channel: Channel, stream: int, frames: int, size: int) -> None:
        """The peer passed on ``frames`` messages of together ``size`` bytes."""

    def link_call(self, channel: Channel, method: str, arguments: dict[str, object]) -> Awaitable[object]:
        """A question of the peer; its result, or the error raised, is the answer."""

    def link_writable(self, channel: Channel) -> None:
        """The socket takes data again after it was congested."""

    def link_lost(self, channel: Channel, error: errors.LinkBrokenError) -> None:
        """The link is gone. Told once, and only after a completed handshake."""


class Channel(asyncio.Protocol):
    """One end of one link. ``role`` is "caller" for the side that connected, "listener" for the other."""

    def __init__(self, role: str, name: str, secret: str, handler: LinkHandler) -> None:
        self.role = role
        self.name = name
        self.peer_name = ""
        self.congested = False
        self._secret = secret
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._pack = msgpack.Packer(use_bin_type=True).pack
        self._unpacker = msgpack.Unpacker(use_list=False, max_buffer_size=READ_BUFFER_BYTES)
        self._out: list[bytes] = []
        self._nonce = link_secret.new_nonce()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._ready.add_done_callback(_retrieve)
        self._calls: dict[int, OnReply] = {}
        self._next_call = 0
        self._answering: set[asyncio.Future[object]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._heard_at = self._loop.time()
        self._proven = False
        self._lost = False

    # ---------------------------------------------------------------- writing

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and the socket is there."""
        return self._proven and not self._lost

    async def wait_ready(self) -> None:
        """Wait for the handshake; raises LinkBrokenError if it fails or takes longer than 5 s."""
        try:
            async with asyncio.timeout(HANDSHAKE_LIMIT_S):
                await asyncio.shield(self._ready)
        except TimeoutError:
            self.close()
            raise errors.LinkBrokenError(f"link to {self.peer_name or 'peer'}: no handshake in 5 s") from None

    def send_data(self, stream: int, message: bytes) -> None:
        """Queue a message of an attachment."""
        self._write((FrameKind.DATA, stream, message))

    def send_answer(self, stream: int, request_id: object, message: bytes) -> None:
        """Queue the answer to a client's request."""
        self._write((FrameKind.ANSWER, stream, request_id, message))

    def send_open(self, stream: int, session_id: str, greeting: dict[str, object]) -> None:
        """Attach a client to a session."""
        self._write((FrameKind.OPEN, stream, session_id, greeting))

    def send_close(self, stream: int, error: errors.LumiLinkError) -> None:
        """End an attachment and say why."""
        self._write((FrameKind.CLOSE, stream, error.code, error.detail))

    def send_credit(self, stream: int, frames: int, size: int) -> None:
        """Tell the peer how much of a stream was passed on."""
        self._write((FrameKind.CREDIT, stream, frames, size))

    def call(self, method: str, arguments: dict[str, object], on_reply: OnReply) -> None:
        """Ask the peer; ``on_reply`` gets the result or the error, in the order of the socket.

        It is called exactly once, also when the link breaks. Raises LinkBrokenError where the link is
        already gone and MailboxFullError where 16,384 calls are unanswered.
        """
        if not self.is_open:
            raise errors.LinkBrokenError(f"link to {self.peer_name or 'peer'} is down")
        if len(self._calls) >= MAX_CALLS:
            raise errors.MailboxFullError(f"link to {self.peer_name}: {MAX_CALLS} calls unanswered")
        self._next_call += 1
        self._calls[self._next_call] = on_reply
        self._write((FrameKind.CALL, self._next_call, method, arguments))

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

        self.call(method, arguments, settle)
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            raise errors.AskDeadlineError(
                f"{self.peer_name} did not answer {method} in {deadline_s} s"
            ) from None

    def close(self) -> None:
        """End the link; the peer and our handler are told by the socket's end."""
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def _write(self, frame: tuple[object, ...]) -> None:
        if self._lost:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(self._pack(frame))

    def _flush(self) -> None:
        out = self._out
        if not out or self._transport is None:
            return
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()

    # ---------------------------------------------------------------- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake: both sides send their nonce, then prove the secret on the other's."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)
        self._write((FrameKind.HELLO, LINK_VERSION, self.name, self._nonce, b""))
        self._timer = self._loop.call_later(HANDSHAKE_LIMIT_S, self._beat)

    def pause_writing(self) -> None:
        """The socket is congested: attachments stop sending live and catch up later."""
        self.congested = True

    def resume_writing(self) -> None:
        """The socket takes data again."""
        self.congested = False
        if self.is_open:
            self._handler.link_writable(self)

    def data_received(self, data: bytes) -> None:
        """Handle every whole frame in ``data``."""
        self._heard_at = self._loop.time()
        try:
            self._unpacker.feed(data)
            for frame in self._unpacker:
                self._handle(frame)
        except (ValueError, TypeError, IndexError, msgpack.UnpackException) as exc:
            log.warning(
                "link from %s broke the framing: %s", self.peer_name or "unknown peer", type(exc).__name__
            )
            self._abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is unanswered and tell the handler once."""
        if self._lost:
            return
        self._lost = True
        if self._timer is not None:
            self._timer.cancel()
        error = errors.LinkBrokenError(f"link to {self.peer_name or 'peer'} broke")
        if not self._ready.done():
            self._ready.set_exception(error)
        calls, self._calls = self._calls, {}
        for on_reply in calls.values():
            on_reply(error)
        for task in self._answering:
            task.cancel()
        if self._proven:
            self._handler.link_lost(self, error)

    # ---------------------------------------------------------------- frames

    def _handle(self, frame: tuple[object, ...]) -> None:
        kind = frame[0]
        if not self._proven:
            self._handshake(frame)
        elif kind == FrameKind.DATA:
            self._handler.link_data(self, frame[1], frame[2])  # type: ignore[arg-type] # a peer that proved itself
        elif kind == FrameKind.ANSWER:
            self._handler.link_answer(self, frame[1], frame[2], frame[3])  # type: ignore[arg-type]
        elif kind == FrameKind.CREDIT:
            self._handler.link_credit(self, frame[1], frame[2], frame[3])  # type: ignore[arg-type]
        elif kind == FrameKind.OPEN:
            self._handler.link_open(self, frame[1], frame[2], frame[3])  # type: ignore[arg-type]
        elif kind == FrameKind.CLOSE:
            self._handler.link_close(self, frame[1], error_from_wire(frame[2], frame[3], None))  # type: ignore[arg-type]
        elif kind == FrameKind.CALL:
            self._answer(frame[1], str(frame[2]), frame[3])
        elif kind in (FrameKind.REPLY, FrameKind.FAIL):
            self._settle(frame)
        elif kind == FrameKind.PING:
            self._write((FrameKind.PONG, frame[1]))
        elif kind != FrameKind.PONG:
            raise ValueError(f"frame kind {kind!r}")

    def _handshake(self, frame: tuple[object, ...]) -> None:
        kind, version, name, nonce, given = frame
        if kind != FrameKind.HELLO or version != LINK_VERSION or not isinstance(nonce, bytes):
            raise ValueError("no link hello")
        self.peer_name = str(name)
        if given == b"":
            answer = link_secret.proof(self._secret, self.role, self._nonce, nonce)
            self._write((FrameKind.HELLO, LINK_VERSION, self.name, self._nonce, answer))
            return
        peer_role = "listener" if self.role == "caller" else "caller"
        if not link_secret.proves(given, self._secret, peer_role, nonce, self._nonce):
            log.warning("peer %s does not know the cluster secret: cut off", self.peer_name)
            self._abort()
            return
        self._proven = True
        self._ready.set_result(None)
        self._beat()

    def _answer(self, number: object, method: str, arguments: object) -> None:
        assert isinstance(arguments, dict)
        task = asyncio.ensure_future(self._handler.link_call(self, method, arguments))
        self._answering.add(task)

        def reply(done: asyncio.Future[object]) -> None:
            self._answering.discard(done)
            if done.cancelled():
                return
            error = done.exception()
            if error is None:
                self._write((FrameKind.REPLY, number, done.result()))
                return
            if not isinstance(error, errors.LumiLinkError):
                log.error("call %s from %s failed", method, self.peer_name, exc_info=error)
                error = errors.InternalError(f"{method} failed: {type(error).__name__}")
            self._write((FrameKind.FAIL, number, error.code, error.detail, error.retry_after_s))

        task.add_done_callback(reply)

    def _settle(self, frame: tuple[object, ...]) -> None:
        number = frame[1]
        on_reply = self._calls.pop(number, None) if isinstance(number, int) else None
        if on_reply is None:
            return
        on_reply(frame[2] if frame[0] == FrameKind.REPLY else error_from_wire(frame[2], frame[3], frame[4]))

    # ---------------------------------------------------------------- heartbeat

    def _beat(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        silent_s = self._loop.time() - self._heard_at
        if not self._proven or silent_s > SILENCE_LIMIT_S:
            log.warning(
                "link to %s: nothing heard for %.1f s, cut", self.peer_name or "unknown peer", silent_s
            )
            self._abort()
            return
        self._write((FrameKind.PING, time.monotonic()))
        self._timer = self._loop.call_later(HEARTBEAT_INTERVAL_S, self._beat)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _retrieve(future: asyncio.Future[None]) -> None:
    # A handshake may fail with nobody waiting for it; that must not warn at garbage collection.
    if not future.cancelled():
        future.exception()
