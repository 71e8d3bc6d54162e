"""What LumiLink says itself is read back as what was meant."""

from __future__ import annotations

import json

import msgspec
import pytest

from actors.errors import CapacityError, InvalidRequestError
from actors.protocol import compose
from actors.protocol.envelope import (
    MessageKind,
    RpcError,
    error_of,
    params_of,
    parse,
    request_id_of,
    result_raw,
)
from actors.protocol.models import SessionParams


def test_a_composed_request_is_parsed_as_one() -> None:
    envelope = parse(compose.request("q", "session/close", {"sessionId": "s"}))
    assert (envelope.kind, envelope.id) == (MessageKind.REQUEST, "q")
    assert params_of(envelope, SessionParams).session_id == "s"


def test_a_composed_notification_is_parsed_as_one() -> None:
    envelope = parse(compose.notification("session/cancel", SessionParams(session_id="s")))
    assert (envelope.kind, envelope.session_id) == (MessageKind.NOTIFICATION, "s")


def test_params_that_are_absent_are_left_out() -> None:
    assert compose.request(1, "logout") == b'{"jsonrpc":"2.0","id":1,"method":"logout"}'
    assert compose.notification("_x") == b'{"jsonrpc":"2.0","method":"_x"}'


def test_members_that_a_model_lacks_are_left_out() -> None:
    written = json.loads(compose.notification("session/cancel", SessionParams(session_id="s")))
    assert written["params"] == {"sessionId": "s"}


def test_a_response_may_be_null() -> None:
    assert compose.response(None, None) == b'{"jsonrpc":"2.0","id":null,"result":null}'


def test_a_raw_result_passes_byte_for_byte() -> None:
    result = b'{ "n" : 1.0, "s":"\\u0041" }'
    assert result_raw(parse(compose.response_raw(1, result))) == result


def test_an_error_response_tells_code_category_and_recovery() -> None:
    error = CapacityError("all 1,000 places are taken", retry_after_s=2.5)
    assert json.loads(compose.error_response(3, error)) == {
        "jsonrpc": "2.0",
        "id": 3,
        "error": {
            "code": -32030,
            "message": "all 1,000 places are taken",
            "data": {
                "code": "capacity-exhausted",
                "category": "system",
                "retryable": True,
                "recovery": CapacityError.recovery,
                "retryAfter": 2.5,
            },
        },
    }


@pytest.mark.parametrize("error", ['{"code":-1,"message":"no"}', '{"code":1,"message":"","data":{"n": 1.0}}'])
def test_a_peer_s_error_passes_as_it_was(error: str) -> None:
    frame = f'{{"jsonrpc":"2.0","id":1,"error":{error}}}'.encode()
    assert compose.error_response(1, error_of(parse(frame))) == frame


def test_an_error_response_names_the_request_as_it_was_spelled() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse(b'{"jsonrpc":"2.0","id":1.00}')
    assert compose.error_response(request_id_of(caught.value), caught.value).startswith(
        b'{"jsonrpc":"2.0","id":1.00,"error":{"code":-32600,'
    )


def test_an_error_response_to_an_unknown_request_has_a_null_id() -> None:
    fault = InvalidRequestError("no")
    assert json.loads(compose.error_response(request_id_of(fault), fault))["id"] is None


def test_an_error_without_data_gets_none() -> None:
    assert "data" not in json.loads(compose.error_response(1, RpcError(1, "no")))["error"]
    assert (
        json.loads(compose.error_response(1, RpcError(1, "no", msgspec.Raw(b"null"))))["error"]["data"]
        is None
    )
