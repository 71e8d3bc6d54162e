"""Changes to frames that pass through: another session id, another request id, a cursor.

The frame is split into its members' JSON texts, one text is changed, and the texts are joined again. So all
else stays as the peer wrote it: unknown fields, ``_meta``, the spelling of numbers and strings, the order of
members. Of duplicate members the last one counts and alone remains, as it did for ``parse``.

``read_update`` and ``write_update`` do two such changes in one pass, for the message that nearly all traffic
consists of. Every other function expects a frame that ``parse`` has accepted (``Envelope.frame``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.errors import InvalidParamsError
from actors.protocol.envelope import Envelope
from actors.protocol.identity import WireId
from actors.protocol.members import Members, members_of, split

Part: TypeAlias = Literal["params", "result"]


class UpdateParams(Struct, gc=False, forbid_unknown_fields=True):
    """The params of a ``session/update`` that has the members of the schema and no others."""

    update: Raw
    session_id: str = msgspec.field(name="sessionId")
    meta: Raw | UnsetType = msgspec.field(default=UNSET, name="_meta")


class _Update(Struct, gc=False, forbid_unknown_fields=True):
    jsonrpc: Literal["2.0"]
    method: Literal["session/update"]
    params: UpdateParams


_decode_update = msgspec.json.Decoder(_Update).decode
_encode = msgspec.json.Encoder().encode

_OURS: Final = "lumilink"
_EMPTY: Final = Raw(b"{}")
_UPDATE_HEAD: Final = b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":'
_CURSOR: Final = b'{"lumilink":{"seq":%d}}'


def read_update(frame: bytes) -> UpdateParams | None:
    """A ``session/update`` in its plain form, which nearly every frame of an agent has; else None.

    Unlike the other functions it takes any frame: what it accepts, ``parse`` accepts too.
    """
    try:
        if not frame.isascii():
            frame.decode()  # the JSON parser does not look into strings that it skips
        return _decode_update(frame).params
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def write_update(params: UpdateParams, session_id: str, seq: int) -> bytes:
    """The update with another session's id and a cursor."""
    meta = _CURSOR % seq if params.meta is UNSET else _merged(params.meta, {"seq": seq})
    return b"".join(
        (_UPDATE_HEAD, _json(session_id), b',"_meta":', meta, b',"update":', params.update, b"}}")
    )


def forward_update(frame: bytes, old: str, new: str, seq: int) -> bytes:
    """``with_session`` and ``with_cursor`` in one, for the events that an agent streams."""
    params = read_update(frame)
    if params is None:
        return with_cursor(with_session(frame, old, new), seq)
    if params.session_id != old:
        raise _other_session()
    return write_update(params, new, seq)


def with_session(frame: bytes, old: str, new: str) -> bytes:
    """Change ``params.sessionId``, which must be ``old``, to ``new``; InvalidParamsError if it is another."""
    return _edit(frame, "params", lambda params: _put_session(params, old, new))


def with_result_session(frame: bytes, old: str, new: str) -> bytes:
    """Change ``result.sessionId``, which must be ``old``, to ``new``; InvalidParamsError if it is another."""
    return _edit(frame, "result", lambda result: _put_session(result, old, new))


def with_id(envelope: Envelope, new_id: WireId) -> bytes:
    """Change the id of a request, a response or an error response. A notification has none to change."""
    if not envelope.raw_id:
        return envelope.frame
    members = split(envelope.frame)
    members["id"] = Raw(_encode(new_id))
    return _encode(members)


def with_cursor(frame: bytes, seq: int) -> bytes:
    """Put ``"_meta":{"lumilink":{"seq":N}}`` into the params of a request or notification."""
    return with_meta(frame, {"seq": seq})


def with_result_meta(frame: bytes, ours: Mapping[str, object]) -> bytes:
    """``with_meta`` for the result of a response."""
    return with_meta(frame, ours, part="result")


def with_meta(frame: bytes, ours: Mapping[str, object], *, part: Part = "params") -> bytes:
    """Merge members into ``_meta.lumilink`` of the params or the result; all other names there stay.

    Absent params and a result of ``null`` become an object. What can hold no members stays as it is: an
    array, a single value, and an error response, which has no result.
    """

    def put(members: Members) -> None:
        members["_meta"] = Raw(_merged(members.get("_meta", _EMPTY), ours))

    return _edit(frame, part, put)


def _edit(frame: bytes, part: Part, change: Callable[[Members], None]) -> bytes:
    """Change the members of the params or the result."""
    top = split(frame)
    if part == "params" and "method" in top:
        top.setdefault("params", _EMPTY)
    members = members_of(top[part]) if part in top else None
    if members is None:
        return frame
    change(members)
    top[part] = Raw(_encode(members))
    return _encode(top)


def _put_session(members: Members, old: str, new: str) -> None:
    found = members.get("sessionId")
    if found is None or msgspec.json.decode(found) != old:
        raise _other_session()
    members["sessionId"] = Raw(_json(new))


def _merged(meta: Raw, ours: Mapping[str, object]) -> bytes:
    """``_meta`` with our members in it; what the schema does not allow there (no object) gives way."""
    members = members_of(meta) or {}
    merged = members_of(members.get(_OURS, _EMPTY)) or {}
    merged.update({name: Raw(_encode(value)) for name, value in ours.items()})
    members[_OURS] = Raw(_encode(merged))
    return _encode(members)


@lru_cache(maxsize=8192)
def _json(session_id: str) -> bytes:
    return _encode(session_id)


def _other_session() -> InvalidParamsError:
    return InvalidParamsError("sessionId: not the session that was to be replaced")
