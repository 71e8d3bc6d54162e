"""A client of the chaos run: it has one session, comes back whenever it loses it, and records all it sees."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import msgspec
from picows import WSError

from actors.errors import AgentProtocolError, LinkBrokenError, TurnInterruptedError
from loadtests.chaos.client_log import ClientLog, outcome_of
from loadtests.chaos.recovery import Hit
from loadtests.chaos.socket import ClientFrame, ClientSocket, OnAnswer, ignored
from loadtests.wire import response
from topology.connect.backoff import delays
from topology.verify.answer_rules import is_retryable
from topology.verify.client_record import ClientLine

_CONNECT_WITHIN_S: Final = 30.0
_FIRST_DELAY_S: Final = 0.1
_MAX_DELAY_S: Final = 2.0
_CLIENT: Final = {
    "protocolVersion": 1,
    "clientCapabilities": {},
    "clientInfo": {"name": "chaos", "version": "1"},
}
_ALLOWED: Final = {"outcome": {"outcome": "selected", "optionId": "yes"}}


class _Seq(msgspec.Struct):
    seq: int = 0


class _Meta(msgspec.Struct):
    lumilink: _Seq = msgspec.field(default_factory=_Seq)


class _UpdateParams(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _NoticeParams(msgspec.Struct):
    kind: str = ""


class _NewSession(msgspec.Struct, rename="camel"):
    session_id: str


class _Attached(msgspec.Struct, rename="camel"):
    reset: bool = False
    first_seq: int = 1


_update: Final = msgspec.json.Decoder(_UpdateParams).decode


@dataclass(frozen=True)
class Workplace:
    """Where a session works: the gateway's WebSocket address, a folder, the workspace's id."""

    url: str
    cwd: str
    workspace: str


@dataclass
class Client:
    """``name`` is its own. It makes its session, or watches ``session_id`` if that is given.

    ``cursor`` is the last event that it has been shown. Who ``answers`` says yes to all that the agent asks.
    """

    name: str
    place: Workplace
    log: ClientLog
    chance: Random
    answers: bool = True
    session_id: str = ""
    cursor: int = 0
    _socket: ClientSocket | None = None
    _here: asyncio.Event = field(default_factory=asyncio.Event)
    _away: asyncio.Event = field(default_factory=asyncio.Event)
    _owed: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _hung_up: bool = False
    _hit: Hit | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------------ what it does

    async def stay(self) -> None:
        """Be attached to the session, and come back whenever the socket is lost. Ends when cancelled."""
        while True:
            for delay in self._delays():
                try:
                    await self._connect()
                except (WSError, OSError, TimeoutError, LinkBrokenError, AgentProtocolError) as error:
                    self.log.away[type(error).__name__] += 1
                    await asyncio.sleep(delay)
                else:
                    break
            await self._away.wait()

    async def attached(self) -> ClientSocket:
        """The socket on which the session is watched, once there is one."""
        while self._socket is None:
            await self._here.wait()
        return self._socket

    async def has_seen(self, seq: int) -> None:
        """Wait until it has been shown event ``seq``, or a later one."""
        while self.cursor < seq:
            self._news.clear()
            await self._news.wait()

    async def prompt(self, prompt_id: str, text: str) -> Mapping[str, object]:
        """Send a prompt, first or again, as often as it takes until its outcome is told."""
        self._owed = True
        for delay in self._delays():
            socket = await self.attached()
            try:
                answer = await self._ask_prompt(socket, prompt_id, text)
            except LinkBrokenError:
                continue
            if not is_retryable(answer):
                break
            self.log.refusals[outcome_of(answer)] += 1
            # What was refused may be gone from this connection.
            socket.close()
            await asyncio.sleep(delay)
        self._owed = False
        self._told(answer)
        return answer

    def cancel(self) -> None:
        """Cancel the turn that runs."""
        if self._socket is not None:
            params = {"sessionId": self.session_id}
            message = {"jsonrpc": "2.0", "method": "session/cancel", "params": params}
            self._socket.send(msgspec.json.encode(message))

    def hang_up(self) -> None:
        """Close the socket without a word. Nobody is to blame for that."""
        if self._socket is not None:
            self._hung_up = True
            self._socket.close()

    # ------------------------------------------------------------------ connecting

    async def _connect(self) -> None:
        socket = ClientSocket(self)
        try:
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                await socket.open(self.place.url)
                await self._ask(socket, "initialize", _CLIENT)
                await (self._attach(socket) if self.session_id else self._make(socket))
        except BaseException:
            socket.close()
            raise
        if not socket.is_open:
            self._write("detached")
            raise LinkBrokenError("the socket was lost as soon as it was open")
        self._socket = socket
        self._away.clear()
        self._here.set()
        if not self._owed:
            self._goes_on()

    async def _make(self, socket: ClientSocket) -> None:
        meta = {"lumilink": {"workspaceId": self.place.workspace}}
        params = {"cwd": self.place.cwd, "mcpServers": [], "_meta": meta}

        def told(answer: ClientFrame) -> None:
            if not bytes(answer.error):
                self.session_id = msgspec.json.decode(answer.result, type=_NewSession).session_id
                self._write("attached", connection=socket.connection_id)

        await self._ask(socket, "session/new", params, told)

    async def _attach(self, socket: ClientSocket) -> None:
        self._write("attached", connection=socket.connection_id, after=self.cursor)
        params = {"sessionId": self.session_id, "afterSeq": self.cursor}
        try:
            answer = await self._ask(socket, "_lumilink/session/attach", params)
        except BaseException:
            self._write("detached")
            raise
        told = msgspec.json.decode(answer.result, type=_Attached)
        if told.reset:
            self._write("reset", first=told.first_seq)
        self.log.returns += 1

    async def _ask(
        self, socket: ClientSocket, method: str, params: object, told: OnAnswer = ignored
    ) -> ClientFrame:
        answer = await socket.ask(next(self._numbers), method, params, told)
        if bytes(answer.error):
            self.log.refusals[outcome_of(answer.answer())] += 1
            raise AgentProtocolError(f"{method} was refused")
        return answer

    async def _ask_prompt(self, socket: ClientSocket, prompt_id: str, text: str) -> Mapping[str, object]:
        number = next(self._numbers)
        about = {"prompt_id": prompt_id, "request": str(number)}
        meta = {"lumilink": {"promptId": prompt_id}}
        blocks = [{"type": "text", "text": text}]
        params = {"sessionId": self.session_id, "prompt": blocks, "_meta": meta}

        def told(answer: ClientFrame) -> None:
            self._write("answered", **about, answer=answer.answer())

        self._write("prompted", **about)
        return (await socket.ask(number, "session/prompt", params, told)).answer()

    def _delays(self) -> Iterator[float]:
        return delays(_FIRST_DELAY_S, _MAX_DELAY_S, self.chance.random)

    # ------------------------------------------------------------------ SocketOwner

    def take(self, socket: ClientSocket, message: ClientFrame, payload: bytes) -> None:
        """Note an update, answer a question; the end of the session's view ends the connection."""
        match message.method:
            case "session/update":
                seq = _update(message.params).meta.lumilink.seq
                self.cursor = max(self.cursor, seq)
                self._news.set()
                self._write("received", seq=seq, crc=zlib.crc32(payload))
                self._goes_on()
            case "session/request_permission" if self.answers:
                socket.send(response(message.id, _ALLOWED))
            case "_lumilink/notice":
                if msgspec.json.decode(message.params, type=_NoticeParams).kind == "session-ended":
                    socket.close()

    def lost(self, socket: ClientSocket) -> None:
        """The view is over; ``stay`` begins another."""
        if self._socket is socket:
            self._socket = None
            self._write("detached")
            if not self._hung_up:
                self._is_hit()
            self._hung_up = False
            self._here.clear()
            self._away.set()

    # ------------------------------------------------------------------ within

    def _told(self, answer: Mapping[str, object]) -> None:
        outcome = outcome_of(answer)
        self.log.outcomes[outcome] += 1
        if outcome == TurnInterruptedError.code:
            self._is_hit()
        else:
            self._goes_on()

    def _is_hit(self) -> None:
        if self._hit is None:
            self._hit = self.log.recoveries.blame()
            self._write("hit")

    def _goes_on(self) -> None:
        if self._hit is not None:
            self.log.recoveries.recovered(self._hit)
            self._hit = None
            self._write("went-on")

    def _write(self, event: str, **members: Any) -> None:
        self.log.write(ClientLine(event, self.name, self.session_id, **members))
