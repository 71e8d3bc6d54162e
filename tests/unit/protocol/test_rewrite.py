"""Rewriting changes what it says and nothing else, compared with Python's own JSON as the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wire_values import objects, patient, spelled, texts

from actors.errors import InvalidParamsError, ParseError
from actors.protocol.envelope import MessageKind, parse
from actors.protocol.rewrite import (
    forward_update,
    with_cursor,
    with_id,
    with_meta,
    with_result_meta,
    with_result_session,
    with_session,
)

OLD, NEW = "old", "sess_new"
UPDATE = b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"old","update":{"n":1.0}}}'


def read(frame: bytes) -> dict[str, Any]:
    """The model: a message with its numbers as they are spelled."""
    message = json.loads(frame, parse_int=str, parse_float=str)
    assert isinstance(message, dict)
    return message


def put_meta(holder: dict[str, Any], **ours: Any) -> None:
    meta = holder.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    was = meta.get("lumilink")
    holder["_meta"] = {**meta, "lumilink": {**(was if isinstance(was, dict) else {}), **ours}}


metas = st.sampled_from(
    ["null", "3", "{}", '{"a":1.0}', '{"lumilink":null,"b":2e0}', '{"lumilink":{"seq":1,"x":1.0}}', "[]"]
)
sessions = st.sampled_from(['"old"', r'"\u006fld"', r'"o\u006cd"'])


@st.composite
def parts(draw: st.DrawFn, *, more: bool = True) -> str:
    """Params or a result with the session in it."""
    members = [("sessionId", draw(sessions)), ("update", draw(spelled))]
    if draw(st.booleans()):
        members.append(("_meta", draw(metas)))
    if more and draw(st.booleans()):
        members += draw(st.lists(st.tuples(texts, spelled), max_size=2))
    return draw(objects(members))


@st.composite
def updates(draw: st.DrawFn) -> bytes:
    members = [("jsonrpc", '"2.0"'), ("method", '"session/update"'), ("params", draw(parts()))]
    if draw(st.booleans()):
        members += draw(st.lists(st.tuples(texts, spelled), max_size=2))
    return draw(objects(members)).encode()


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    members = [("jsonrpc", '"2.0"'), ("id", draw(st.sampled_from(["1", "1.0", '"a"', "null"])))]
    members.append(("result", draw(parts())))
    return draw(objects(members)).encode()


@patient
@given(updates())
@example(UPDATE)
def test_another_session_changes_the_session_alone(frame: bytes) -> None:
    expected = read(frame)
    expected["params"]["sessionId"] = NEW
    written = with_session(frame, OLD, NEW)
    assert read(written) == expected
    assert list(read(written)) == list(expected)
    assert list(read(written)["params"]) == list(expected["params"])
    assert parse(written).session_id == NEW


@patient
@given(updates(), st.integers(0, 2**63))
def test_a_cursor_adds_the_cursor_alone(frame: bytes, seq: int) -> None:
    expected = read(frame)
    put_meta(expected["params"], seq=str(seq))
    assert read(with_cursor(frame, seq)) == expected


@patient
@given(updates(), st.integers(0, 2**63))
@example(UPDATE, 0)
@example(UPDATE.replace(b'{"n":1.0}', b'{"a":"\\u006fld","old":"old"}'), 7)
@example(UPDATE.replace(b'"update"', b'"_meta":{"lumilink":{"seq":3,"epoch":"e"},"a":1e5},"update"'), 7)
@example(UPDATE.replace(b'"update"', b'"sessionId":"other","sessionId":"old","update"'), 7)
@example(UPDATE.replace(b'"params":', b'"params":{"sessionId":"other","update":1},"params":'), 7)
def test_forwarding_is_another_session_and_a_cursor(frame: bytes, seq: int) -> None:
    expected = read(frame)
    expected["params"]["sessionId"] = NEW
    put_meta(expected["params"], seq=str(seq))
    written = forward_update(frame, OLD, NEW, seq)
    assert read(written) == expected
    assert read(with_cursor(with_session(frame, OLD, NEW), seq)) == expected


@patient
@given(spelled)
def test_an_update_is_forwarded_byte_for_byte(update: str) -> None:
    frame = (
        b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"old","update":%b}}'
        % update.encode()
    )
    head = b'{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"sess_new","_meta":'
    assert (
        forward_update(frame, OLD, NEW, 5) == head + b'{"lumilink":{"seq":5}},"update":%b}}' % update.encode()
    )


@patient
@given(spelled, spelled)
def test_payloads_stay_byte_for_byte(one: str, other: str) -> None:
    def frame(session_id: str, meta: str) -> bytes:
        params = f'{{"a":{one},"sessionId":"{session_id}","b":{other}{meta}}}'
        return f'{{"jsonrpc":"2.0","id":1,"method":"_x","params":{params}}}'.encode()

    assert with_session(frame(OLD, ""), OLD, NEW) == frame(NEW, "")
    assert with_cursor(frame(OLD, ""), 5) == frame(OLD, ',"_meta":{"lumilink":{"seq":5}}')


@patient
@given(responses())
def test_another_session_in_a_result_changes_the_session_alone(frame: bytes) -> None:
    expected = read(frame)
    expected["result"]["sessionId"] = NEW
    assert read(with_result_session(frame, OLD, NEW)) == expected


@patient
@given(responses())
def test_meta_in_a_result_adds_itself_alone(frame: bytes) -> None:
    expected = read(frame)
    put_meta(expected["result"], seq="4", live=True)
    assert read(with_result_meta(frame, {"seq": 4, "live": True})) == expected


@patient
@given(responses(), st.sampled_from(["7", '"a"', "null", "1.0", "1" * 30]))
def test_another_id_changes_the_id_alone(frame: bytes, new: str) -> None:
    expected = read(frame)
    expected["id"] = json.loads(new, parse_int=str, parse_float=str)
    written = with_id(parse(frame), msgspec.Raw(new.encode()))
    assert read(written) == expected
    assert parse(written).raw_id == new.encode()


def test_the_id_of_an_error_response_and_of_a_request_can_be_changed() -> None:
    error = parse(b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"a"}}')
    assert with_id(error, "b") == b'{"jsonrpc":"2.0","id":"b","error":{"code":1,"message":"a"}}'
    request = parse(b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"id":1}}')
    assert with_id(request, 2) == b'{"jsonrpc":"2.0","id":2,"method":"a","params":{"id":1}}'


def test_a_notification_has_no_id_to_change() -> None:
    envelope = parse(UPDATE)
    assert envelope.kind is MessageKind.NOTIFICATION
    assert with_id(envelope, 3) == UPDATE


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b'"id":1,"result":null', {"_meta": {"lumilink": {"seq": 3}}}),
        (b'"id":1,"result":{}', {"_meta": {"lumilink": {"seq": 3}}}),
        (b'"id":1,"result":[1]', [1]),
        (b'"id":1,"result":"a"', "a"),
    ],
)
def test_meta_is_put_where_a_result_can_hold_it(given: bytes, expected: object) -> None:
    written = with_result_meta(b'{"jsonrpc":"2.0",' + given + b"}", {"seq": 3})
    assert json.loads(written)["result"] == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [(b"", {"_meta": {"lumilink": {"seq": 3}}}), (b',"params":{}', {"_meta": {"lumilink": {"seq": 3}}})],
)
def test_a_cursor_is_put_into_empty_or_absent_params(given: bytes, expected: object) -> None:
    assert json.loads(with_cursor(b'{"jsonrpc":"2.0","method":"_x"' + given + b"}", 3))["params"] == expected


@pytest.mark.parametrize(
    "frame",
    [
        b'{"jsonrpc":"2.0","method":"_x","params":[1.0]}',
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}',
    ],
)
def test_what_can_hold_no_meta_stays_as_it_is(frame: bytes) -> None:
    assert with_cursor(frame, 3) == frame
    assert with_meta(frame, {"a": 1}, part="result") == frame


@pytest.mark.parametrize(
    "rewrite", [with_session, lambda frame, old, new: forward_update(frame, old, new, 1)]
)
def test_a_session_that_is_not_there_is_not_replaced(rewrite: Any) -> None:
    with pytest.raises(InvalidParamsError, match="not the session"):
        rewrite(UPDATE, "other", NEW)
    with pytest.raises(InvalidParamsError, match="not the session"):
        rewrite(b'{"jsonrpc":"2.0","method":"session/update"}', OLD, NEW)


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda frame: forward_update(frame, OLD, NEW, 1),
        lambda frame: with_session(frame, OLD, NEW),
        lambda frame: with_cursor(frame, 1),
    ],
)
def test_a_frame_too_deep_for_the_stack_that_rewrites_it_is_a_fault(
    rewrite: Callable[[bytes], bytes],
) -> None:
    deep = UPDATE.replace(b'{"n":1.0}', b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(ParseError, match="nested too deep"):
        rewrite(deep)


def test_a_session_id_of_any_characters_can_be_put_in() -> None:
    odd = 'ü"\\\n'
    written = forward_update(UPDATE, OLD, odd, 1)
    assert parse(written).session_id == odd
    assert forward_update(written, odd, OLD, 1) == forward_update(UPDATE, OLD, OLD, 1)
