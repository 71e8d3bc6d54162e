"""Lines out of chunks: messages whole, logs short and without secrets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.agents.lines import ErrorLog, LineSplitter
from actors.errors import FrameTooLargeError

_LINE = st.binary(min_size=1, max_size=50).filter(lambda line: b"\n" not in line and not line.isspace())


def _chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(_LINE, max_size=20), st.lists(st.integers(min_value=0), max_size=20))
def test_lines_arrive_whole_once_and_in_order_however_they_are_cut(
    lines: list[bytes], cuts: list[int]
) -> None:
    splitter = LineSplitter(50)
    data = b"".join(line + b"\n" for line in lines)
    assert [line for chunk in _chunks(data, cuts) for line in splitter.feed(chunk)] == lines


def test_blank_lines_are_no_messages() -> None:
    assert list(LineSplitter(10).feed(b"\n \r\na\n\n")) == [b"a"]


@pytest.mark.parametrize("chunks", [[b"12345\n"], [b"123", b"45"], [b"12345"], [b"123", b"45\n"]])
def test_a_line_over_the_limit_is_refused_ended_or_not(chunks: list[bytes]) -> None:
    splitter = LineSplitter(4)
    with pytest.raises(FrameTooLargeError):
        _ = [line for chunk in chunks for line in splitter.feed(chunk)]


def test_lines_before_one_that_is_too_long_still_arrive() -> None:
    lines = LineSplitter(4).feed(b"a\nb\n12345")
    assert [next(lines), next(lines)] == [b"a", b"b"]
    with pytest.raises(FrameTooLargeError):
        next(lines)


def test_a_log_line_is_cut_and_the_next_one_is_not() -> None:
    told: list[str] = []
    log = ErrorLog(told.append, {})
    for _ in range(100):
        log.feed(b"x" * 1000)
    log.feed(b"\nnext\n")
    assert [len(line) for line in told] == [4096, 4]


def test_bytes_that_are_no_text_are_logged_all_the_same() -> None:
    told: list[str] = []
    ErrorLog(told.append, {}).feed(b"\xff\xfe bad\n")
    assert told == ["\ufffd\ufffd bad"]


def test_the_last_words_are_few_and_include_an_unfinished_line() -> None:
    log = ErrorLog(lambda line: None, {})
    log.feed(b"".join(b"line %d\n" % number for number in range(9)) + b"no newline")
    log.end()
    assert log.last_lines() == "line 5 | line 6 | line 7 | line 8 | no newline"
    log.feed(b"y" * 4000 + b"\n")
    assert len(log.last_lines()) == 500


def test_secrets_from_the_environment_are_not_logged() -> None:
    told: list[str] = []
    log = ErrorLog(told.append, {"ANTHROPIC_API_KEY": "sk-c4n4ry", "HOME": "/home/me"})
    log.feed(b"using sk-c4n4ry in /home/me\n")
    assert told == ["using *** in /home/me"]
    assert "c4n4ry" not in log.last_lines()
