"""What the stub agent and the generator agree on: JSON-RPC frames, orders in a prompt, a stamp in an update.

A prompt's text is a small JSON, `Orders`. Every update's text starts with a stamp,
``@~<send time in ns, 19 digits>,<number in its session, 10 digits>;``, and is padded to the size ordered.
The stamp has a fixed width, so that the receiver finds it with one search and decodes no JSON. Both ends run
on one machine and read one clock, `time.monotonic_ns`.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

STAMP_BYTES: Final = 33
"""Length of a stamp; no update's text is shorter."""

_MARK: Final = b"@~"
_STAMP: Final = b"@~%019d,%010d;"
_TIME: Final = slice(2, 21)
_NUMBER: Final = slice(22, 32)


class Orders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a prompt asks of the stub agent: ``updates`` of ``size`` bytes, one every ``interval`` seconds.

    An interval of 0 means as fast as the socket takes them. If the agent ``asks``, it asks for a permission
    first and begins once it is answered.
    """

    updates: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]
    interval: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    size: Annotated[int, msgspec.Meta(ge=STAMP_BYTES, le=1_000_000)] = 128
    asks: bool = False

    def text(self) -> str:
        """The prompt's text that carries these orders."""
        return msgspec.json.encode(self).decode()


class RpcErrorData(msgspec.Struct, frozen=True):
    """What LumiLink says of an error beside its message: whether a repeat makes sense."""

    retryable: bool = False


class RpcError(msgspec.Struct, frozen=True):
    """A JSON-RPC error object."""

    code: int
    message: str = ""
    data: RpcErrorData | None = None


class Frame(msgspec.Struct, frozen=True):
    """Any JSON-RPC frame, read as far as either end of the benchmark needs it."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"null")
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: RpcError | None = None


_FRAME: Final = msgspec.json.Decoder(Frame)


def read_frame(payload: bytes) -> Frame:
    """The frame in ``payload``; raises msgspec.ValidationError or DecodeError where there is none."""
    return _FRAME.decode(payload)


def request(identifier: int, method: str, params: object) -> bytes:
    """A JSON-RPC request, ready to send."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params})


def response(identifier: int | str | None, result: object) -> bytes:
    """A JSON-RPC response, ready to send."""
    return msgspec.json.encode({"jsonrpc": "2.0", "id": identifier, "result": result})


def refusal(identifier: int | str | None, code: int, message: str) -> bytes:
    """A JSON-RPC error response, ready to send."""
    error = {"code": code, "message": message}
    return msgspec.json.encode({"jsonrpc": "2.0", "id": identifier, "error": error})


def update_template(session_id: str, size: int) -> bytes:
    """An update of ``size`` bytes of text that waits for ``template % (time_ns, number)``."""
    update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "@"}}
    params = {"sessionId": session_id, "update": update}
    frame = msgspec.json.encode({"jsonrpc": "2.0", "method": "session/update", "params": params})
    head, tail = frame.replace(b"%", b"%%").rsplit(b"@", 1)
    return head + _STAMP + b"x" * (size - STAMP_BYTES) + tail


def read_stamp(payload: bytes) -> tuple[int, int] | None:
    """Send time in ns and number of the update in ``payload``; None where it carries no stamp."""
    at = payload.find(_MARK)
    if at < 0:
        return None
    stamp = payload[at : at + STAMP_BYTES]
    return int(stamp[_TIME]), int(stamp[_NUMBER])
