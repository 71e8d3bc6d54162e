"""A message is not lost for half a character in it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_values import patient

from actors.errors import ParseError
from actors.protocol.envelope import parse
from actors.protocol.surrogates import MOST_ESCAPES


@pytest.mark.parametrize(
    ("given", "mended"),
    [
        (r'"\ud83d"', r'"\ufffd"'),
        (r'"\uDE00x"', r'"\ufffdx"'),
        (r'"\ud83d\ud83d\ude00"', r'"\ufffd\ud83d\ude00"'),
        (r'"\ud83d\n\\ud83d"', r'"\ufffd\n\\ud83d"'),
        (r'"\\\ud83d\\\\ud83d"', r'"\\\ufffd\\\\ud83d"'),
        (r'"\ud83d\ude00\ude00\ud83d\ud83d"', r'"\ud83d\ude00\ufffd\ufffd\ufffd"'),
        (r'"\\ud83d\ude00"', r'"\\ud83d\ufffd"'),
    ],
)
def test_a_surrogate_without_its_pair_is_replaced(given: str, mended: str) -> None:
    template = '{"jsonrpc":"2.0","method":"_x","params":{"sessionId":"s","text":%s}}'
    envelope = parse((template % given).encode())
    assert envelope.session_id == "s"
    assert envelope.frame == (template % mended).encode()


@patient
@given(st.lists(st.sampled_from(["\\\\", "\\n", "\\ud83d", "\\uDE00", "\\u0041", "ud83d", "a"]), max_size=12))
def test_mending_is_what_replacing_surrogates_in_the_text_is(pieces: list[str]) -> None:
    text = "".join(pieces)
    frame = f'{{"jsonrpc":"2.0","method":"_x","params":{{"text":"{text}"}}}}'.encode()
    expected = re.sub("[\ud800-\udfff]", "\ufffd", json.loads(frame)["params"]["text"])
    assert json.loads(parse(frame).frame)["params"]["text"] == expected


def test_a_pair_of_surrogates_stays_as_it_is() -> None:
    given = rb'{"jsonrpc":"2.0","method":"_x","params":{"text":"\ud83d\ude00 \\ud83d"}}'
    assert parse(given).frame == given


@pytest.mark.parametrize("backslashes", [1022, 1024, 1026, 5000])
def test_a_long_run_of_backslashes_is_counted_to_its_start(backslashes: int) -> None:
    template = b'{"jsonrpc":"2.0","method":"_x","params":{"text":"' + b"\\" * backslashes + b'%b \\ud83d"}}'
    assert parse(template % rb"\ud83d").frame == (template % rb"\ufffd").replace(rb" \ud83d", rb" \ufffd")
    assert parse(template % rb"ud83d").frame == (template % rb"ud83d").replace(rb" \ud83d", rb" \ufffd")


def test_more_half_characters_than_can_be_mended_in_a_moment_are_refused() -> None:
    template = b'{"jsonrpc":"2.0","method":"_x","params":{"text":"%b"}}'
    assert parse(template % (rb"\ud83d" * MOST_ESCAPES)).frame == template % (rb"\ufffd" * MOST_ESCAPES)
    with pytest.raises(ParseError):
        parse(template % (rb"\ud83d" * (MOST_ESCAPES + 1)))
