"""What a frame is read as, and that its payload can be asked for."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import pytest

from actors.errors import AgentProtocolError, InvalidParamsError, InvalidRequestError, ParseError
from actors.protocol import compose
from actors.protocol.envelope import (
    Envelope,
    MessageKind,
    RpcError,
    error_of,
    params_of,
    parse,
    request_id_of,
    result_of,
    result_raw,
)
from actors.protocol.models import ListSessionsParams, NewSessionParams


class Outcome(msgspec.Struct):
    outcome: str


class Chosen(msgspec.Struct):
    outcome: Outcome


class Call(msgspec.Struct, rename="camel"):
    tool_call: msgspec.Raw


def frame(**members: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


def test_a_request_has_its_method_its_id_and_its_session() -> None:
    envelope = parse(frame(id=7, method="session/prompt", params={"sessionId": "s", "prompt": []}))
    assert envelope.kind is MessageKind.REQUEST
    assert (envelope.id, envelope.method, envelope.session_id) == (7, "session/prompt", "s")


def test_a_notification_has_no_id() -> None:
    envelope = parse(frame(method="session/update", params={"sessionId": "s", "update": {}}))
    assert envelope.kind is MessageKind.NOTIFICATION
    assert (envelope.id, envelope.raw_id, envelope.echo_id) == (None, b"", None)


def test_a_result_makes_a_response_even_when_it_is_null() -> None:
    envelope = parse(frame(id="a", result=None))
    assert (envelope.kind, envelope.id, result_raw(envelope)) == (MessageKind.RESPONSE, "a", b"null")


def test_an_error_makes_an_error_response() -> None:
    envelope = parse(frame(id=None, error={"code": -32700, "message": "no", "data": {"n": 1.0}}))
    assert (envelope.kind, envelope.id, envelope.raw_id) == (MessageKind.ERROR, None, b"null")
    error = error_of(envelope)
    assert (error.code, error.message) == (-32700, "no")
    assert isinstance(error.data, msgspec.Raw)
    assert bytes(error.data) == b'{"n": 1.0}'


def test_a_request_with_a_null_id_is_a_request() -> None:
    envelope = parse(frame(id=None, method="a"))
    assert (envelope.kind, envelope.id, envelope.raw_id) == (MessageKind.REQUEST, None, b"null")


@pytest.mark.parametrize("params", [[], [{"sessionId": 3}], {}, {"session_id": "s"}])
def test_params_that_name_no_session_are_of_no_session(params: object) -> None:
    assert parse(frame(method="a", params=params)).session_id is None


def test_the_session_of_a_nested_object_is_not_the_message_s_session() -> None:
    envelope = parse(frame(method="a", params={"x": {"sessionId": "inner"}}, sessionId="outer"))
    assert envelope.session_id is None


def test_the_last_of_duplicate_members_counts() -> None:
    twice = b'{"jsonrpc":"2.0","method":"a","params":{"sessionId":"x","sessionId":"y"},"method":"b"}'
    envelope = parse(twice)
    assert (envelope.method, envelope.session_id) == ("b", "y")


@pytest.mark.parametrize("spelled", ["0", "-0", "1", "1.0", "1e5", "0.12345678901234567890", "null", '"1"'])
def test_an_id_is_echoed_as_it_was_spelled(spelled: str) -> None:
    check_echo(spelled)


@pytest.mark.parametrize("spelled", [str(2**64), str(-(2**80)), '"\\u0031"', '"\\ud83d\\ude00"', '""', '"é"'])
def test_an_unusual_id_is_echoed_as_it_was_spelled(spelled: str) -> None:
    check_echo(spelled)


def check_echo(spelled: str) -> None:
    envelope = parse(f'{{"jsonrpc":"2.0","id": {spelled} ,"method":"a"}}'.encode())
    assert envelope.raw_id == spelled.encode()
    assert envelope.id == json.loads(spelled)
    assert type(envelope.id) is type(json.loads(spelled))
    answer = compose.response(envelope.echo_id, {})
    assert answer == f'{{"jsonrpc":"2.0","id":{spelled},"result":{{}}}}'.encode()


def test_ids_that_are_equal_numbers_have_different_keys() -> None:
    one, one_point_zero = (parse(f'{{"jsonrpc":"2.0","id":{i},"method":"a"}}'.encode()) for i in ("1", "1.0"))
    assert one.id == one_point_zero.id
    assert one.raw_id != one_point_zero.raw_id


def test_params_are_decoded_into_a_model() -> None:
    envelope = parse(frame(id=1, method="session/new", params={"cwd": "/w", "mcpServers": [], "new": 1}))
    params = params_of(envelope, NewSessionParams)
    assert (params.cwd, bytes(params.mcp_servers)) == ("/w", b"[]")


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"cwd": 3, "mcpServers": []}, "params.cwd: expected `str`, got `int`"),
        ({"cwd": "/w"}, "params: object missing required field `mcpServers`"),
        ({"cwd": "w", "mcpServers": []}, "params.cwd: expected an absolute path"),
        ([], "params: expected `object`, got `array`"),
        (None, "params: object missing required field `cwd`"),
    ],
)
def test_wrong_params_are_refused_by_name(params: object, said: str) -> None:
    members = {} if params is None else {"params": params}
    with pytest.raises(InvalidParamsError) as caught:
        params_of(parse(frame(id=1.0, method="session/new", **members)), NewSessionParams)
    assert str(caught.value) == said
    assert bytes(request_id_of(caught.value) or b"") == b"1.0"


def test_a_result_is_decoded_into_a_model() -> None:
    assert result_of(parse(frame(id=1, result={"outcome": "end_turn"})), Outcome) == Outcome("end_turn")


def test_a_wrong_result_is_the_agent_s_fault_unless_told_otherwise() -> None:
    envelope = parse(frame(id=1, result={"outcome": {"outcome": 1}}))
    with pytest.raises(AgentProtocolError, match=r"result\.outcome\.outcome: expected `str`, got `int`"):
        result_of(envelope, Chosen)
    with pytest.raises(InvalidRequestError, match=r"result\.outcome\.outcome"):
        result_of(envelope, Chosen, fault=InvalidRequestError)


def test_a_message_of_another_kind_has_no_result_and_no_error() -> None:
    request = parse(frame(id=1, method="a"))
    with pytest.raises(AgentProtocolError, match="result: missing"):
        result_raw(request)
    with pytest.raises(AgentProtocolError, match="error: missing"):
        error_of(request)


@pytest.mark.parametrize(
    ("member", "read"),
    [
        ("params", lambda envelope: params_of(envelope, Call)),
        ("result", result_raw),
        ("result", lambda envelope: result_of(envelope, Call)),
        ("error", error_of),
    ],
)
def test_a_payload_too_deep_for_the_stack_that_reads_it_is_a_fault(
    member: str, read: Callable[[Envelope], object]
) -> None:
    deep = b'{"%b":{"toolCall":%b}}' % (member.encode(), b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(ParseError, match="nested too deep"):
        read(Envelope(MessageKind.REQUEST, 1, "a", None, deep, b"1"))


def test_an_envelope_s_repr_shows_nothing_of_the_payload() -> None:
    shown = repr(parse(frame(id=1, method="session/prompt", params={"sessionId": "s", "prompt": ["CANARY"]})))
    assert "session/prompt" in shown
    assert "CANARY" not in shown


def test_an_error_s_repr_shows_nothing_of_its_data() -> None:
    assert "CANARY" not in repr(RpcError(1, "no", msgspec.Raw(b'"CANARY"')))


def test_params_of_null_read_as_absent():
    message = parse(b'{"jsonrpc":"2.0","id":1,"method":"_x/y","params":null}')

    assert message.session_id is None
    assert params_of(message, ListSessionsParams) == ListSessionsParams()
