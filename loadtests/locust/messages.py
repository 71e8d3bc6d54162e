"""The gateway's messages, read as far as the load needs it."""

from __future__ import annotations

from typing import Final

import msgspec

_NO_PARAMS: Final = msgspec.Raw(b"{}")


class _ErrorData(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct):
    code: int = 0
    data: _ErrorData = msgspec.field(default_factory=_ErrorData)


class Message(msgspec.Struct):
    """Any message."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = _NO_PARAMS
    result: msgspec.Raw = _NO_PARAMS
    error: _Error | None = None

    @property
    def code(self) -> str:
        """Of an error its code, ours or else JSON-RPC's; empty if it is none."""
        return "" if self.error is None else self.error.data.code or str(self.error.code)


class _Seq(msgspec.Struct):
    seq: int = 0


class _Meta(msgspec.Struct):
    lumilink: _Seq = msgspec.field(default_factory=_Seq)


class _UpdateParams(msgspec.Struct):
    meta: _Meta = msgspec.field(default_factory=_Meta, name="_meta")


class _AdmissionParams(msgspec.Struct, rename="camel"):
    request_id: int = -1


class _NewSession(msgspec.Struct, rename="camel"):
    session_id: str


class _Problem(msgspec.Struct):
    code: str = ""


read_message: Final = msgspec.json.Decoder(Message).decode
"""Reads a message; raises msgspec.DecodeError."""

_UPDATE: Final = msgspec.json.Decoder(_UpdateParams)


def cursor_of(update: Message) -> int:
    """The ``seq`` of a ``session/update``."""
    return _UPDATE.decode(update.params).meta.lumilink.seq


def waiting_request(notice: Message) -> int:
    """Which request a ``_lumilink/admission`` tells of."""
    return msgspec.json.decode(notice.params, type=_AdmissionParams).request_id


def session_of(answer: Message) -> str:
    """The session that a ``session/new`` has made."""
    return msgspec.json.decode(answer.result, type=_NewSession).session_id


def problem_code(body: bytes, status: int) -> str:
    """The code of a refused HTTP request, or else its status."""
    try:
        return msgspec.json.decode(body, type=_Problem).code or f"status-{status}"
    except msgspec.DecodeError:
        return f"status-{status}"
