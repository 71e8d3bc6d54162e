"""What is wrong with a frame that is no message: the slow and exact look after the fast one has failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.errors import BatchError, InvalidParamsError, InvalidRequestError, ParseError, ProtocolFault
from actors.protocol.identity import read_id

F = TypeVar("F", bound=ProtocolFault)


class RpcError(Struct, frozen=True):
    """The ``error`` member of an error response; ``data`` is its JSON text, if it has any."""

    code: int
    message: str
    data: Raw | UnsetType = UNSET


class _SessionParams(Struct):
    session_id: str | UnsetType = msgspec.field(default=UNSET, name="sessionId")


_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_array = msgspec.json.Decoder(list[Raw]).decode
_decode_string = msgspec.json.Decoder(str).decode
_decode_error = msgspec.json.Decoder(RpcError).decode
_decode_params = msgspec.json.Decoder(_SessionParams).decode

_NO_IDS: Final = (b"{", b"[", b"t", b"f")


def name_request(fault: F, raw_id: bytes) -> F:
    """Attach the id of the request at fault, as JSON text, so that a reply can name it."""
    if raw_id:
        fault.__dict__["request_id"] = Raw(raw_id)
    return fault


def request_id_of(fault: BaseException) -> Raw | None:
    """The id of the request at fault, spelled as its sender spelled it; ``None`` if it could not be read."""
    request_id = getattr(fault, "request_id", None)
    return request_id if isinstance(request_id, Raw) else None


def fault_in(frame: bytes) -> ProtocolFault:
    """What is wrong with a frame that is known to be no valid message."""
    try:
        frame.decode()
        members = _decode_object(frame)
    except UnicodeDecodeError as error:
        return ParseError(f"the message is not UTF-8: byte {error.start} is wrong")
    except RecursionError:
        return ParseError("the message is nested too deep")
    except msgspec.ValidationError:
        return _fault_in_non_object(frame)
    except msgspec.DecodeError as error:
        return ParseError(f"the message is not JSON: {error}")
    raw_id = bytes(members.get("id", b""))
    if raw_id[:1] in _NO_IDS:
        return InvalidRequestError("id: expected a string, a number or null")
    fault = _fault_in_members(members) or _fault_in_params(members) or _fault_in_id(raw_id)
    return name_request(fault or ParseError("the message is nested too deep"), raw_id)


def _fault_in_id(raw_id: bytes) -> ProtocolFault | None:
    if not raw_id or _fits(read_id, raw_id):
        return None
    return InvalidRequestError("id: the number is out of range")


def _fault_in_non_object(frame: bytes) -> ProtocolFault:
    try:
        batch = _decode_array(frame)
    except RecursionError:
        return ParseError("the message is nested too deep")
    except msgspec.ValidationError:
        return _fault_in_scalar(frame)
    except msgspec.DecodeError as error:
        return ParseError(f"the message is not JSON: {error}")
    if not batch:
        return InvalidRequestError("expected an object, got an empty array")
    return BatchError(f"expected one message, got a batch of {len(batch)}")


def _fault_in_scalar(frame: bytes) -> ProtocolFault:
    try:
        msgspec.json.decode(frame, type=Raw)
    except msgspec.DecodeError as error:
        return ParseError(f"the message is not JSON: {error}")
    return InvalidRequestError("expected an object, got a single value")


def _fault_in_members(members: dict[str, Raw]) -> ProtocolFault | None:
    """Check what makes an object a JSON-RPC message, ``params`` aside."""
    if "jsonrpc" not in members or not _is_text(members["jsonrpc"], "2.0"):
        return InvalidRequestError('jsonrpc: expected "2.0"')
    outcomes = [name for name in ("result", "error") if name in members]
    if "method" in members:
        if not _fits(_decode_string, members["method"]):
            return InvalidRequestError("method: expected a string")
        if outcomes:
            return InvalidRequestError(f"a message has a method or a {outcomes[0]}, not both")
        return None
    if len(outcomes) != 1:
        told = "both" if outcomes else "no method and neither of them"
        return InvalidRequestError(f"expected a method, a result or an error; got {told}")
    if "id" not in members:
        return InvalidRequestError("id: missing, a response names its request")
    if "error" in members and not _fits(_decode_error, members["error"]):
        return InvalidRequestError("error: expected an object with an integer code and a string message")
    return None


def _fault_in_params(members: dict[str, Raw]) -> ProtocolFault | None:
    params = members.get("params")
    if (
        params is None
        or bytes(params) == b"null"
        or _fits(_decode_params, params)
        or _fits(_decode_array, params)
    ):
        return None
    if _fits(_decode_object, params):
        return InvalidParamsError("params.sessionId: expected a string")
    return InvalidParamsError("params: expected an object or an array")


def _is_text(raw: Raw, text: str) -> bool:
    return _fits(_decode_string, raw) and _decode_string(raw) == text


def _fits(decode: Callable[[Raw | bytes], object], raw: Raw | bytes) -> bool:
    try:
        decode(raw)
    except msgspec.DecodeError:
        return False
    return True
