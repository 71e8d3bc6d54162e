"""The envelope of a JSON-RPC 2.0 message: what routing needs, read without decoding the payload.

``parse`` decodes optimistically into a typed shape, which costs about a microsecond; only when that fails
is the frame looked at again, member by member, to say exactly what is wrong with it (``faults.py``).
Payloads stay bytes until someone asks for them with ``params_of``, ``result_of`` or ``error_of``.

Source: https://www.jsonrpc.org/specification, https://agentclientprotocol.com/protocol/v1/overview.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.errors import AgentProtocolError, FrameTooLargeError, InvalidParamsError, ProtocolFault
from actors.protocol.faults import RpcError, fault_in, name_request, request_id_of
from actors.protocol.identity import RequestId, read_id
from actors.protocol.members import decode, split
from actors.protocol.surrogates import without_lone_surrogates

__all__ = [
    "DEFAULT_MAX_BYTES",
    "Envelope",
    "MessageKind",
    "RequestId",
    "RpcError",
    "error_of",
    "params_of",
    "parse",
    "request_id_of",
    "result_of",
    "result_raw",
]

T = TypeVar("T")

DEFAULT_MAX_BYTES: Final = 16 * 1024 * 1024
"""The largest frame that is parsed unless the caller says otherwise, in bytes."""


class MessageKind(Enum):
    """What a JSON-RPC message is."""

    REQUEST = "request"
    NOTIFICATION = "notification"
    RESPONSE = "response"
    ERROR = "error"


class Envelope(Struct, frozen=True, gc=False):
    """One message: what routing reads, and the frame it was read from.

    ``id`` is ``None`` on a notification and where the id is JSON's ``null``; ``kind`` tells which. ``raw_id``
    is the id as it was spelled, empty without an id: ``1`` and ``1.0`` are equal numbers, other spellings; so
    key tables by it. ``session_id`` is ``params.sessionId`` of a request or notification.
    """

    kind: MessageKind
    id: RequestId
    method: str | None
    session_id: str | None
    frame: bytes
    raw_id: bytes = b""

    @property
    def echo_id(self) -> Raw | None:
        """The id for a reply, spelled as the peer spelled it; ``null`` where there is none."""
        return Raw(self.raw_id) if self.raw_id else None

    def __repr__(self) -> str:
        # The frame holds prompts and code: its size is all that a log may show.
        return (
            f"Envelope({self.kind.value}, id={self.id!r}, method={self.method!r}, "
            f"session_id={self.session_id!r}, {len(self.frame)} bytes)"
        )


class _Params(Struct, gc=False):
    session_id: str | UnsetType = msgspec.field(default=UNSET, name="sessionId")


class _Members(Struct, gc=False):
    jsonrpc: Literal["2.0"]
    method: str | UnsetType = UNSET
    id: Raw | UnsetType = UNSET
    # JSON-RPC knows no null here, but common libraries write it where there are no params.
    params: _Params | list[Raw] | UnsetType | None = UNSET
    result: Raw | UnsetType = UNSET
    error: RpcError | UnsetType = UNSET


_NO_PARAMS: Final = Raw(b"{}")

_decode_members = msgspec.json.Decoder(_Members).decode


def parse(frame: bytes, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Envelope:
    """Read the envelope of one message.

    A lone surrogate escape (``"\\ud83d"``), which JSON's grammar allows but no UTF-8 text can hold, becomes
    ``"\\ufffd"``: the envelope's frame then differs from the one given, and no peer chokes on it later.

    Raises a ``ProtocolFault``: FrameTooLargeError, ParseError (not UTF-8, not JSON, too deep), BatchError,
    InvalidRequestError or InvalidParamsError. ``request_id_of`` tells which request it was, if that is known.
    """
    if len(frame) > max_bytes:
        raise FrameTooLargeError(f"the message has {len(frame)} bytes, the limit is {max_bytes}")
    try:
        if not frame.isascii():
            frame.decode()  # the JSON parser does not look into strings that it skips
        members = _decode_members(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        mended = without_lone_surrogates(frame)
        if mended is not None:
            return parse(mended, max_bytes=max_bytes)
        raise fault_in(frame) from None
    method = members.method
    if method is UNSET:
        return _answer(members, frame)
    if members.result is not UNSET or members.error is not UNSET:
        raise fault_in(frame)
    params = members.params
    session_id = params.session_id if type(params) is _Params else None
    if session_id is UNSET:
        session_id = None
    if members.id is UNSET:
        return Envelope(MessageKind.NOTIFICATION, None, method, session_id, frame)
    raw_id = bytes(members.id)
    return Envelope(MessageKind.REQUEST, _read_id(raw_id, frame), method, session_id, frame, raw_id)


def _answer(members: _Members, frame: bytes) -> Envelope:
    if members.id is UNSET or (members.result is UNSET) == (members.error is UNSET):
        raise fault_in(frame)
    kind = MessageKind.RESPONSE if members.error is UNSET else MessageKind.ERROR
    raw_id = bytes(members.id)
    return Envelope(kind, _read_id(raw_id, frame), None, None, frame, raw_id)


def _read_id(raw_id: bytes, frame: bytes) -> RequestId:
    try:
        return read_id(raw_id)
    except msgspec.DecodeError:
        raise fault_in(frame) from None


def params_of(envelope: Envelope, type: type[T]) -> T:  # noqa: A002 - the word that msgspec uses
    """Decode the params into ``type``; absent params, or null, read as an empty object.

    Raises InvalidParamsError, which names the field and what was expected, and carries the request's id.
    """
    try:
        params = split(envelope.frame).get("params", _NO_PARAMS)
        return decode(_NO_PARAMS if bytes(params) == b"null" else params, type)
    except msgspec.DecodeError as error:
        raise name_request(InvalidParamsError(_explain("params", error)), envelope.raw_id) from None
    except InvalidParamsError as error:
        raise name_request(error, envelope.raw_id) from None


def result_of(
    envelope: Envelope,
    type: type[T],  # noqa: A002 - the word that msgspec uses
    *,
    fault: type[ProtocolFault] = AgentProtocolError,
) -> T:
    """Decode the result of a response into ``type``; raises ``fault`` where it does not fit."""
    try:
        return decode(result_raw(envelope), type)
    except msgspec.DecodeError as error:
        raise fault(_explain("result", error)) from None


def result_raw(envelope: Envelope) -> bytes:
    """The JSON text of a response's result, byte for byte. Raises AgentProtocolError if there is none."""
    result = split(envelope.frame).get("result")
    if result is None:
        raise AgentProtocolError("result: missing, the message is no successful response")
    return bytes(result)


def error_of(envelope: Envelope) -> RpcError:
    """The error of an error response. Raises AgentProtocolError if there is none."""
    error = split(envelope.frame).get("error")
    if error is None:
        raise AgentProtocolError("error: missing, the message is no error response")
    return decode(error, RpcError)


def _explain(member: str, error: msgspec.DecodeError) -> str:
    """``Expected `str`, got `int` - at `$.cwd``` becomes ``params.cwd: expected `str`, got `int```."""
    said, _, path = str(error).partition(" - at `$")
    return f"{member}{path.rstrip('`')}: {said[:1].lower()}{said[1:]}"
