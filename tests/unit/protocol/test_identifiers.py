"""Minted identifiers can be put anywhere and guessed nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from actors.protocol import identifiers

MINTS = {
    "sess_": identifiers.new_session_id,
    "conn_": identifiers.new_connection_id,
}


@pytest.mark.parametrize(("prefix", "mint"), MINTS.items())
def test_an_identifier_is_its_prefix_and_url_safe_characters(prefix: str, mint: Callable[[], str]) -> None:
    assert re.fullmatch(prefix + r"[A-Za-z0-9_-]{26,}", mint())


@pytest.mark.parametrize(("prefix", "mint"), MINTS.items())
def test_no_identifier_is_minted_twice(prefix: str, mint: Callable[[], str]) -> None:
    minted = {mint() for _ in range(2000)}
    assert len(minted) == 2000
    randoms = [text.removeprefix(prefix) for text in minted]
    assert all(len({text[at] for text in randoms}) > 8 for at in range(26)), "a character hardly ever changes"


def test_an_identifier_has_at_least_128_random_bits() -> None:
    assert identifiers.RANDOM_BYTES * 8 >= 128
