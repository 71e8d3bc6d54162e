"""API keys: what they look like, and what is kept of them."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from actors.errors import InvalidParamsError
from actors.protocol.redaction import redact
from serve.rights.api_keys import ApiKey, mint, parts_of
from serve.rights.roles import Role

NOW = datetime.now(UTC)


def a_key() -> tuple[ApiKey, str]:
    return mint("acme", "ann", [Role.USER])


def test_a_key_says_which_it_is_and_fits_its_secret_alone():
    key, text = a_key()
    other, _ = a_key()
    parts = parts_of(text)

    assert re.fullmatch(r"lk_[0-9a-f]{16}_[0-9a-f]{64}", text)
    assert parts is not None
    assert parts.key_id == key.key_id
    assert key.fits(parts.secret)
    assert not other.fits(parts.secret)
    assert not key.fits(parts.secret[:-1] + "x")


def test_nothing_that_is_kept_has_the_secret():
    key, text = a_key()
    secret = text.rpartition("_")[2]

    assert secret not in str(asdict(key))
    assert key.digest not in repr(key)
    assert secret not in repr(parts_of(text))
    assert key.last_four == secret[-4:]


def test_no_two_keys_are_the_same():
    texts = {a_key()[1] for _ in range(100)}

    assert len(texts) == 100


@pytest.mark.parametrize(
    "text",
    ["", "lk_", "lk_1_2", "lk_0123456789abcdef_" + "0" * 63, "LK_0123456789abcdef_" + "0" * 64, "\n"],
)
def test_what_is_not_whole_is_no_key(text: str):
    assert parts_of(text) is None


def test_a_line_end_after_a_key_is_not_of_it():
    _, text = a_key()

    assert parts_of(text + "\n") is None


def test_a_key_is_good_until_it_expires_or_is_revoked():
    key, _ = a_key()

    assert key.refusal(NOW) is None
    assert replace(key, expires_at=NOW).refusal(NOW) == "the API key has expired"
    assert replace(key, expires_at=NOW + timedelta(seconds=1)).refusal(NOW) is None
    assert replace(key, revoked_at=NOW).refusal(NOW) == "the API key was revoked"


@pytest.mark.parametrize(
    ("installation", "user", "roles"),
    [("", "ann", [Role.USER]), ("a\nb", "ann", [Role.USER]), ("a", "x" * 201, [Role.USER]), ("a", "ann", [])],
)
def test_a_key_of_nobody_or_for_nothing_is_not_made(installation: str, user: str, roles: list[Role]):
    with pytest.raises(InvalidParamsError):
        mint(installation, user, roles)


def test_a_key_that_would_have_expired_is_not_made():
    with pytest.raises(InvalidParamsError):
        mint("acme", "ann", [Role.USER], NOW - timedelta(days=1))


def test_keys_are_taken_out_of_what_is_recorded():
    _, text = a_key()

    assert redact(f"my key is {text}, keep it") == "my key is [redacted], keep it"
