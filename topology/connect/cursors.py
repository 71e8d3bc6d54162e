"""How far the editor has seen each of its sessions, and so which updates are new to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from msgspec import Raw

from actors.connection.roles import Role
from actors.protocol.envelope import Envelope


class _LumiLink(msgspec.Struct):
    seq: int | None = None


class _Meta(msgspec.Struct):
    lumilink: _LumiLink | None = None


class _Update(msgspec.Struct):
    kind: str = msgspec.field(default="", name="sessionUpdate")
    content: Raw = Raw(b"")


class _UpdateParams(msgspec.Struct):
    update: _Update
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _UpdateFrame(msgspec.Struct):
    params: _UpdateParams


class _PromptParams(msgspec.Struct):
    prompt: list[Raw]


class _PromptFrame(msgspec.Struct):
    params: _PromptParams


_decode_update = msgspec.json.Decoder(_UpdateFrame).decode
_decode_prompt = msgspec.json.Decoder(_PromptFrame).decode


@dataclass(slots=True)
class _Echo:
    """A block of a prompt of ours, which the gateway shows to everyone but the connection it came from."""

    digest: bytes
    raw_id: bytes
    is_answered: bool = False


@dataclass(slots=True)
class Session:
    """One session of the editor. ``seq`` is the cursor of the last update that it was shown."""

    seq: int = 0
    role: Role = Role.DRIVER
    is_attached: bool = False
    is_loading: bool = False
    refusals: int = 0
    echoes: list[_Echo] = field(default_factory=list)


class Cursors:
    """The sessions of one editor, by id."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def attached(self) -> list[tuple[str, Session]]:
        """The sessions that a new connection has to be attached to."""
        return [(name, session) for name, session in self._sessions.items() if session.is_attached]

    def attach(self, session_id: str, role: Role) -> None:
        """The gateway says that this connection watches the session, in this role."""
        session = self._sessions.setdefault(session_id, Session())
        session.role = role
        session.is_attached = True
        session.is_loading = False

    def reattached(self, session_id: str) -> None:
        """A new connection watches the session from its cursor on."""
        self._sessions[session_id].refusals = 0

    def refused(self, session_id: str) -> int:
        """A new connection could not be attached; returns how often that was so in a row."""
        session = self._sessions[session_id]
        session.refusals += 1
        return session.refusals

    def forget(self, session_id: str) -> None:
        """The session was closed, or is no more."""
        self._sessions.pop(session_id, None)

    def load(self, session_id: str) -> None:
        """The editor loads the session: the gateway will begin it anew, after what is on its way now."""
        self._sessions.setdefault(session_id, Session()).is_loading = True

    def loaded(self, session_id: str) -> None:
        """The load ended, one way or the other."""
        if session_id in self._sessions:
            self._sessions[session_id].is_loading = False

    def prompted(self, prompt: Envelope) -> None:
        """The editor prompts: it knows what it said, and is not to be told when the session is replayed."""
        session = self._sessions.get(prompt.session_id or "")
        if session is not None:
            session.echoes += [_Echo(_digest(block), prompt.raw_id) for block in _blocks(prompt.frame)]

    def answered(self, session_id: str, raw_id: bytes) -> None:
        """A prompt is over: what comes now is after it, and once it has come, no replay holds the prompt."""
        session = self._sessions.get(session_id)
        for echo in session.echoes if session is not None else ():
            echo.is_answered = echo.is_answered or echo.raw_id == raw_id

    def is_new(self, message: Envelope) -> bool:
        """Take in a ``session/update``: whether the editor is to be shown it.

        An update without a cursor is always new. Of those with one, each is new once and in order, except
        that a load replays the session from its beginning.
        """
        try:
            params = _decode_update(message.frame).params
        except msgspec.DecodeError:
            return True
        seq = params.meta.lumilink.seq if params.meta and params.meta.lumilink else None
        if seq is None or message.session_id is None:
            return True
        session = self._sessions.setdefault(message.session_id, Session())
        if seq <= session.seq:
            if not session.is_loading:
                return False
            session.is_loading = False
            session.echoes.clear()
        session.seq = seq
        if params.update.kind == "user_message_chunk" and _take_echo(session, params.update.content):
            return False
        session.echoes = [echo for echo in session.echoes if not echo.is_answered]
        return True


def _take_echo(session: Session, content: Raw) -> bool:
    """Whether this is what the editor itself said."""
    digest = _digest(content)
    mine = next((echo for echo in session.echoes if echo.digest == digest), None)
    if mine is not None:
        session.echoes.remove(mine)
    return mine is not None


def _blocks(frame: bytes) -> Iterable[Raw]:
    try:
        return _decode_prompt(frame).params.prompt
    except msgspec.DecodeError:
        return ()


def _digest(block: Raw) -> bytes:
    return hashlib.blake2b(bytes(block), digest_size=16).digest()
