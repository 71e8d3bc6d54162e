"""Each way in which a frame can be wrong, and what is said about it."""

from __future__ import annotations

import contextlib
import json
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_values import patient, values

from actors.errors import (
    BatchError,
    FrameTooLargeError,
    InvalidParamsError,
    InvalidRequestError,
    ParseError,
    ProtocolFault,
)
from actors.protocol.envelope import parse, request_id_of

DEEP = 100_000
HUGE = b"9" * 5000


def message(rest: bytes) -> bytes:
    return b'{"jsonrpc":"2.0",' + rest + b"}"


UNREADABLE = {
    "nothing": b"",
    "spaces": b"  ",
    "not UTF-8": b"\xff",
    "not UTF-8 in a string that nobody reads": message(b'"method":"a","x":"\xff"'),
    "an overlong encoding": message(b'"method":"a","x":"\xc0\x80"'),
    "a surrogate in UTF-8": message(b'"method":"a","x":"\xed\xa0\x80"'),
    "a byte order mark": b"\xef\xbb\xbf" + message(b'"method":"a"'),
    "UTF-16": message(b'"method":"a"').decode().encode("utf-16"),
    "a half message": b'{"jsonrpc":"2.0"',
    "two messages": message(b'"method":"a"') * 2,
    "an open array": b"[",
    "an open string": b'"a',
    "a word": b"nul",
    "single quotes": b"{'jsonrpc':'2.0'}",
    "a comment": message(b'"method":"a"/**/'),
    "a trailing comma": b'{"jsonrpc":"2.0","method":"a",}',
    "NaN": message(b'"method":"a","x":NaN'),
    "Infinity": message(b'"method":"a","x":Infinity'),
    "minus Infinity": message(b'"method":"a","x":-Infinity'),
    "a leading zero": message(b'"method":"a","x":01'),
    "a lone minus": message(b'"method":"a","x":-'),
    "a newline in a string": message(b'"method":"a","x":"\n"'),
    "NUL in a string": message(b'"method":"a","x":"\x00"'),
    "NUL at the end": message(b'"method":"a"') + b"\x00",
    "an unknown escape": message(rb'"method":"a","x":"\q"'),
    "half an escape": message(rb'"method":"a","x":"\ud8"'),
    "a wrong member before a syntax error": b'{"jsonrpc":1,"method":2,]',
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep params": message(b'"method":"a","params":' + b"[" * DEEP + b"]" * DEEP),
    "a deep member": message(b'"method":"a","x":' + b"[" * DEEP + b"]" * DEEP),
    "a deep id": message(b'"method":"a","id":' + b"[" * DEEP + b"]" * DEEP),
}

NO_MESSAGE = {
    "an empty batch": b"[]",
    "a number": b"3",
    "a string": b'"a"',
    "null": b"null",
    "an empty object": b"{}",
    "no jsonrpc": b'{"method":"a"}',
    "another jsonrpc": b'{"jsonrpc":"1.0","method":"a"}',
    "a jsonrpc number": b'{"jsonrpc":2.0,"method":"a"}',
    "a jsonrpc null": b'{"jsonrpc":null,"method":"a"}',
    "neither method nor outcome": message(b'"params":{}'),
    "a method that is a number": message(b'"method":1'),
    "a method that is null": message(b'"method":null,"result":1'),
    "a method and a result": message(b'"method":"a","result":1'),
    "a method and an error": message(b'"method":"a","error":{"code":1,"message":""}'),
    "a result without an id": message(b'"result":1'),
    "an error without an id": message(b'"error":{"code":1,"message":""}'),
    "an id that is true": message(b'"id":true,"method":"a"'),
    "an id that is false": message(b'"id":false,"result":1'),
    "an id that is an object": message(b'"id":{},"method":"a"'),
    "an id that is an array": message(b'"id":[1],"error":{"code":1,"message":""}'),
}

NO_MESSAGE_BUT_AN_ID = {
    "neither method nor outcome": message(b'"id":7.0'),
    "a method that is an object": message(b'"id":7.0,"method":{}'),
    "a method and a result": message(b'"id":7.0,"method":"a","result":null'),
    "a result and an error": message(b'"id":7.0,"result":1,"error":{"code":1,"message":""}'),
    "a null result and an error": message(b'"id":7.0,"result":null,"error":{"code":1,"message":""}'),
    "an error that is a string": message(b'"id":7.0,"error":"no"'),
    "an error that is null": message(b'"id":7.0,"error":null'),
    "an error without a code": message(b'"id":7.0,"error":{"message":""}'),
    "an error without a message": message(b'"id":7.0,"error":{"code":1}'),
    "an error code that is a string": message(b'"id":7.0,"error":{"code":"1","message":""}'),
    "an error code with a fraction": message(b'"id":7.0,"error":{"code":1.5,"message":""}'),
    "another jsonrpc": b'{"jsonrpc":"2.1","id":7.0,"method":"a"}',
}

WRONG_PARAMS = {
    "a string": (b'"a"', "params: expected an object or an array"),
    "a number": (b"1", "params: expected an object or an array"),
    "a session that is a number": (b'{"sessionId":1}', "params.sessionId: expected a string"),
    "a session that is null": (b'{"sessionId":null}', "params.sessionId: expected a string"),
    "a session that is an object": (b'{"sessionId":{"a":"b"}}', "params.sessionId: expected a string"),
}


def fault_in(frame: bytes) -> ProtocolFault:
    with pytest.raises(ProtocolFault) as caught:
        parse(frame)
    return caught.value


@pytest.mark.parametrize("frame", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_is_no_json_cannot_be_parsed(frame: bytes) -> None:
    started = time.process_time()
    fault = fault_in(frame)
    assert type(fault) is ParseError
    assert request_id_of(fault) is None
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("frame", NO_MESSAGE.values(), ids=NO_MESSAGE.keys())
def test_json_that_is_no_message_is_an_invalid_request(frame: bytes) -> None:
    fault = fault_in(frame)
    assert type(fault) is InvalidRequestError
    assert request_id_of(fault) is None


@pytest.mark.parametrize("frame", NO_MESSAGE_BUT_AN_ID.values(), ids=NO_MESSAGE_BUT_AN_ID.keys())
def test_an_invalid_request_is_named_by_its_id(frame: bytes) -> None:
    fault = fault_in(frame)
    assert type(fault) is InvalidRequestError
    assert bytes(request_id_of(fault) or b"") == b"7.0"


@pytest.mark.parametrize(("params", "said"), WRONG_PARAMS.values(), ids=WRONG_PARAMS.keys())
def test_wrong_params_name_what_is_wrong(params: bytes, said: str) -> None:
    fault = fault_in(message(b'"id":"q","method":"a","params":' + params))
    assert type(fault) is InvalidParamsError
    assert str(fault) == said
    assert bytes(request_id_of(fault) or b"") == b'"q"'


@pytest.mark.parametrize("frame", [b"[1]", b'[{"jsonrpc":"2.0","method":"a"}]', b" [null,{}]"])
def test_a_batch_is_refused(frame: bytes) -> None:
    assert type(fault_in(frame)) is BatchError


@pytest.mark.parametrize("spelled", [HUGE, b"1e999", b"-1e999"], ids=["long", "large", "small"])
def test_a_number_that_no_machine_holds_is_no_id_but_is_echoed(spelled: bytes) -> None:
    fault = fault_in(message(b'"id":' + spelled + b',"method":"a"'))
    assert type(fault) is InvalidRequestError
    assert bytes(request_id_of(fault) or b"") == spelled


@pytest.mark.parametrize(
    "spelled", [HUGE, b"1e999", b"-0.0", b"1E-7"], ids=["long", "large", "zero", "small"]
)
def test_a_number_that_no_machine_holds_passes_in_the_payload(spelled: bytes) -> None:
    frame = message(b'"method":"a","params":{"n":' + spelled + b"}")
    assert parse(frame).frame == frame


def test_a_frame_at_the_limit_passes_and_one_over_it_does_not() -> None:
    frame = message(b'"id":1,"method":"a"')
    assert parse(frame, max_bytes=len(frame)).method == "a"
    with pytest.raises(FrameTooLargeError, match=f"{len(frame)} bytes, the limit is {len(frame) - 1}"):
        parse(frame, max_bytes=len(frame) - 1)


def test_a_fault_says_nothing_of_the_payload() -> None:
    frames = [*NO_MESSAGE_BUT_AN_ID.values(), *(message(b'"id":1,"method":"a","params":"CANARY"'),)]
    said = [
        str(fault_in(frame.replace(b'"a"', b'"CANARY"').replace(b'"no"', b'"CANARY"'))) for frame in frames
    ]
    assert not [text for text in said if "CANARY" in text]


def test_a_fault_keeps_its_request_over_a_pickle_round_trip() -> None:
    fault = pickle.loads(pickle.dumps(fault_in(message(b'"id":1.0'))))
    assert type(fault) is InvalidRequestError
    assert bytes(request_id_of(fault) or b"") == b"1.0"


def test_an_error_that_is_no_fault_names_no_request() -> None:
    assert request_id_of(KeyError("request_id")) is None


member_names = st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "x"])
near_messages = st.dictionaries(member_names, values, max_size=7).map(lambda m: {"jsonrpc": "2.0", **m})


@patient
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_protocol_faults(frame: bytes) -> None:
    with contextlib.suppress(ProtocolFault):
        parse(frame)


@patient
@given(near_messages)
def test_near_messages_raise_nothing_but_protocol_faults(members: dict[str, object]) -> None:
    with contextlib.suppress(ProtocolFault):
        parse(json.dumps(members).encode())


@patient
@given(st.data())
def test_mutated_messages_raise_nothing_but_protocol_faults(data: st.DataObject) -> None:
    params = {"sessionId": "s", "update": {"text": "\ud83d\ude00 é"}}
    frame = bytearray(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "a", "params": params}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.just(b'\\ud8"{[,:')
        )
    with contextlib.suppress(ProtocolFault):
        parse(bytes(frame))
