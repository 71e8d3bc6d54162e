"""Patterns mean what they mean to others, and none of them takes long."""

from __future__ import annotations

import re
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import InvalidParamsError
from actors.settings_registry.patterns import MAX_TEXT, matches

GOOD = [
    r"[a-z]+", r"\d{3}-\d{2,4}", r"(ab|cd)*e?", r"a{0}b", r"a{2,}", r"(a|b){1,3}c", r"[^x-z]*",
    r"\w+@\w+\.com", r"", r"a||b", r"(a?){3}", r".*x.", r"[a\-z]+", r"[-a]+", r"\s*\[\]",
]  # fmt: skip
TEXTS = [
    "", "a", "ab", "abcd", "aaa", "123-45", "123-45678", "abcdabe", "b", "cc", "abc", "xyz", "me@host.com",
    "axb", "a-z", "-a", " []", "aax", "e", "ac", "q\nx!",
]  # fmt: skip


@pytest.mark.parametrize("pattern", GOOD)
def test_a_pattern_means_what_it_means_to_python(pattern: str):
    for text in TEXTS:
        assert matches(pattern, text) is (re.fullmatch(pattern, text, re.ASCII) is not None), text


ATOM = st.sampled_from(["a", "b", "[ab]", "[^a]", ".", "(a|b)", "(ab|a)", "(a|ab|)", r"\w"])
PIECE = st.tuples(ATOM, st.sampled_from(["", "?", "*", "+", "{2}", "{0,2}", "{1,}"])).map("".join)
PATTERN = st.lists(st.lists(PIECE, max_size=4).map("".join), min_size=1, max_size=3).map("|".join)


@given(PATTERN, st.text("abc", max_size=8))
def test_any_pattern_means_what_it_means_to_python(pattern: str, text: str):
    assert matches(pattern, text) is (re.fullmatch(pattern, text) is not None)


@pytest.mark.parametrize("pattern", [r"(a+)+", r"(a|a)*", r"(a*)*b", r"(a?){30}a{30}", r"(.*.*.*)*x"])
def test_what_keeps_other_engines_busy_for_ever_is_done_at_once(pattern: str):
    began = time.process_time()
    matches(pattern, "a" * (MAX_TEXT - 1) + "!")

    assert time.process_time() - began < 2.0


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[]", "*", "a**", "a{", "a{2,1}", "a{1000}", "^a", "a$", r"\1", r"\b", "[z-a]", "(?=a)",
     "\\", "(" * 50 + ")" * 50, "a" * 201, "((a{99}){99}){99}"],
)  # fmt: skip
def test_what_is_no_pattern_of_ours_is_refused(pattern: str):
    with pytest.raises(InvalidParamsError, match="pattern"):
        matches(pattern, "a")


@given(st.text(string.punctuation + "ab09,", max_size=30))
def test_anything_is_a_pattern_or_refused(pattern: str):
    try:
        matches(pattern, "ab")
    except InvalidParamsError:
        return


def test_a_text_that_is_too_long_matches_nothing():
    assert not matches("a*", "a" * (MAX_TEXT + 1))
