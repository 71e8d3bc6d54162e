"""Messages that LumiLink itself says: requests, notifications, and answers to either side.

``params`` and ``result`` are anything that msgspec encodes, or ``msgspec.Raw`` for JSON text that passes
through. An id is a value or, to answer exactly as the peer spelled it, ``Envelope.echo_id`` or
``request_id_of(error)``.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw

from actors.errors import LumiLinkError
from actors.protocol.envelope import RpcError
from actors.protocol.identity import WireId

_encode = msgspec.json.Encoder().encode


def request(id: WireId, method: str, params: object = None) -> bytes:  # noqa: A002 - JSON-RPC's own word
    """A request; ``params=None`` leaves them out."""
    message: dict[str, object] = {"jsonrpc": "2.0", "id": id, "method": method}
    if params is not None:
        message["params"] = params
    return _encode(message)


def notification(method: str, params: object = None) -> bytes:
    """A notification; ``params=None`` leaves them out."""
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return _encode(message)


def response(id: WireId, result: object) -> bytes:  # noqa: A002 - JSON-RPC's own word
    """A successful answer; ``result=None`` is JSON's ``null``."""
    return _encode({"jsonrpc": "2.0", "id": id, "result": result})


def response_raw(id: WireId, result_json: bytes) -> bytes:  # noqa: A002 - JSON-RPC's own word
    """A successful answer with a result that is JSON text already and passes through unread."""
    return _encode({"jsonrpc": "2.0", "id": id, "result": Raw(result_json)})


def error_response(id: WireId, error: LumiLinkError | RpcError) -> bytes:  # noqa: A002 - JSON-RPC's own word
    """An unsuccessful answer: ours, with code, category and recovery in ``data``, or the peer's as it was."""
    if isinstance(error, LumiLinkError):
        told: dict[str, object] = {"code": error.rpc_code, "message": error.detail, "data": error.data()}
    else:
        told = {"code": error.code, "message": error.message}
        if error.data is not UNSET:
            told["data"] = error.data
    return _encode({"jsonrpc": "2.0", "id": id, "error": told})
