"""What the HTTP transport must know of a message: which session it belongs to.

The remote-transport RFD asks for ``Acp-Session-Id`` on everything that belongs to one session, so this one
wire has to look into the messages. It reads three members and nothing else.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.protocol.methods import METHODS

_SESSION_METHODS: Final = frozenset(method.name for method in METHODS if method.needs_session_header)
_ATTACH_METHODS: Final = frozenset({"session/load", "session/resume"})


class _SessionRef(Struct, gc=False):
    session_id: str | UnsetType = msgspec.field(default=UNSET, name="sessionId")


class _Members(Struct, gc=False):
    method: str | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET


class Routing(Struct, frozen=True, gc=False):
    """The members of a message that decide its way. Empty strings and bytes stand for what is not there."""

    method: str
    id: bytes
    params_session: str
    result_session: str

    @property
    def is_initialize(self) -> bool:
        """The one request that is answered in the response to its POST."""
        return self.method == "initialize" and bool(self.id)

    @property
    def is_request(self) -> bool:
        """A message that awaits an answer."""
        return bool(self.method and self.id)

    @property
    def is_answer(self) -> bool:
        """A result or an error."""
        return bool(self.id) and not self.method

    @property
    def is_session_scoped(self) -> bool:
        """Its POST has to name the session."""
        return self.method in _SESSION_METHODS

    @property
    def attaches(self) -> bool:
        """It makes a session of earlier known to this connection."""
        return self.method in _ATTACH_METHODS


_decode_members = msgspec.json.Decoder(_Members).decode
_decode_session = msgspec.json.Decoder(_SessionRef).decode


def routing_of(frame: bytes) -> Routing:
    """Read a message's routing; what can't be read is left empty, for checking is the parser's work."""
    try:
        members = _decode_members(frame)
    except (msgspec.DecodeError, RecursionError):
        return Routing("", b"", "", "")
    return Routing(
        method="" if members.method is UNSET else members.method,
        id=b"" if members.id is UNSET else bytes(members.id),
        params_session=_session_in(members.params),
        result_session=_session_in(members.result),
    )


def _session_in(value: Raw | UnsetType) -> str:
    if value is UNSET:
        return ""
    try:
        session_id = _decode_session(value).session_id
    except msgspec.DecodeError:
        return ""
    return "" if session_id is UNSET else session_id
