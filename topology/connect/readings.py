"""The few facts that the relay reads out of the gateway's messages; none of them has to be there."""

from __future__ import annotations

import msgspec

from actors.errors import AgentProtocolError, InvalidParamsError
from actors.protocol.envelope import Envelope, error_of, params_of, result_of
from actors.protocol.models import CancelRequestParams


class _NewSession(msgspec.Struct):
    session_id: str | None = msgspec.field(default=None, name="sessionId")


class _AttachResult(msgspec.Struct):
    reset: bool = False


class _ErrorData(msgspec.Struct):
    retryable: bool = False


def new_session_id(answer: Envelope) -> str | None:
    """The session that ``session/new`` or ``session/fork`` made."""
    try:
        return result_of(answer, _NewSession).session_id
    except AgentProtocolError:
        return None


def is_reset(answer: Envelope) -> bool:
    """Whether the gateway no longer had all that was missed when it attached us."""
    try:
        return result_of(answer, _AttachResult).reset
    except AgentProtocolError:
        return False


def is_retryable(refusal: Envelope) -> bool:
    """Whether an error says that another try makes sense."""
    data = error_of(refusal).data
    try:
        return isinstance(data, msgspec.Raw) and msgspec.json.decode(data, type=_ErrorData).retryable
    except msgspec.DecodeError:
        return False


def cancelled_id(notification: Envelope) -> bytes:
    """The request that ``$/cancel_request`` names, as JSON text."""
    try:
        return bytes(params_of(notification, CancelRequestParams).request_id)
    except InvalidParamsError:
        return b""
