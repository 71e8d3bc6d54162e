"""Credentials do not get past redaction; what is none does."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from actors.protocol.redacted_json import redact_json
from actors.protocol.redaction import REDACTED, contains_secret, is_secret_name, redact

# Made up: the forms are right, the values were never given out.
LETTERS = "Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4fGh7jKl0nOp"
SECRETS = {
    "github classic": f"ghp_{LETTERS[:36]}",
    "github oauth": f"gho_{LETTERS[:36]}",
    "github app": f"ghs_{LETTERS[:36]}",
    "github fine-grained": f"github_pat_{LETTERS[:22]}_{LETTERS}",
    "gitlab": f"glpat-{LETTERS[:20]}",
    "openai": f"sk-{LETTERS}",
    "openai project": f"sk-proj-{LETTERS[:20]}_{LETTERS[:20]}-{LETTERS[:20]}",
    "anthropic": f"sk-ant-api03-{LETTERS}-{LETTERS}AA",
    "aws key id": "AKIA" + "ABCDEFGH23456789",
    "aws session key id": "ASIA" + "ABCDEFGH23456789",
    "slack bot": f"xoxb-123456789012-1234567890123-{LETTERS[:24]}",
    "slack app": f"xapp-1-A0123456789-1234567890123-{LETTERS[:30]}",
    "slack webhook": f"hooks.slack.com/services/T00000000/B00000000/{LETTERS[:24]}",
    "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{LETTERS[:43]}",
    "unsigned jwt": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.",
    "google": f"AIza{LETTERS[:35]}",
    "npm": f"npm_{LETTERS[:36]}",
    "hugging face": f"hf_{LETTERS[:34]}",
    "stripe": f"sk_live_{LETTERS[:24]}",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAb3d\n-----END RSA PRIVATE KEY-----",
    "pem without end": "-----BEGIN PRIVATE KEY-----\nMIIEow",
}
IN_CONTEXT = {
    "basic-auth address": ("https://ann:hunter2@example.org/x", "https://ann:[redacted]@example.org/x"),
    "database address": ("postgresql://app:p@ss@db:5432/app", "postgresql://app:[redacted]@db:5432/app"),
    "token as the name": (f"https://{LETTERS}@github.com/a/b", "https://[redacted]@github.com/a/b"),
    "bearer": ("Authorization: Bearer abcDEF123456789", "Authorization: Bearer [redacted]"),
    "basic": ("authorization: basic YW5uOmh1bnRlcjI=", "authorization: basic [redacted]"),
    "environment": ("DB_PASSWORD=hunter-two make", "DB_PASSWORD=[redacted] make"),
    "aws secret": (
        f"aws_secret_access_key = {LETTERS[:40]}",
        "aws_secret_access_key = [redacted]",
    ),
    "query": ("GET /x?a=1&access_token=abcdef123456&b=2", "GET /x?a=1&access_token=[redacted]"),
    "short in json": ('{"password": "hunter2"}', '{"password": "[redacted]"}'),
    "json within a string": (r'"{\"secret\": \"hunter2\"}"', r'"{\"secret\": \"[redacted]\"}"'),
    "json": ('{"apiKey": "abcdef123456"}', '{"apiKey": "[redacted]"}'),
}
HARMLESS = (
    "",
    "The task-runner asks for a token: string, and a password: Optional[str].",
    "basic understanding of bearer authentication",
    "see https://example.org/a@b and git@github.com:a/b.git or ssh://git@github.com/a/b",
    "commit 3f786850e387550fdaf836ed7e6dc881de23001b",
    "const key = sha256(value); token = next(tokens)",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "api_key=${API_KEY} token=<your token>",
    "sk-learn, desk-top-publishing-for-everyone",
)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_credential_of_a_known_form_is_taken_out(secret: str) -> None:
    assert redact(f"push with {secret}") == f"push with {REDACTED}"
    assert contains_secret(secret)


@pytest.mark.parametrize(("text", "redacted"), IN_CONTEXT.values(), ids=IN_CONTEXT.keys())
def test_a_credential_is_known_by_what_stands_before_it(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_credential_stays(text: str) -> None:
    assert redact(text) == text
    assert not contains_secret(text)


@pytest.mark.parametrize(
    "name", ["GITHUB_TOKEN", "apiKey", "x-api-key", "Authorization", "clientSecret", "Set-Cookie", "passwd"]
)
def test_a_name_tells_a_credential(name: str) -> None:
    assert is_secret_name(name)


surroundings = st.text(st.sampled_from(" \n\t,.;:=@/\"'()[]{}-_#aZ0é"), max_size=30)


@given(before=surroundings, after=surroundings, secret=st.sampled_from(sorted(SECRETS.values())))
def test_no_surroundings_hide_a_credential(before: str, after: str, secret: str) -> None:
    redacted = redact(f"{before} {secret} {after}")

    assert secret not in redacted
    assert LETTERS[:20] not in redacted


pieces = st.sampled_from(
    [
        *SECRETS.values(),
        *(text for text, _ in IN_CONTEXT.values()),
        *HARMLESS,
        "://",
        "@",
        "=",
        "token",
        REDACTED,
    ]
)


@given(st.lists(pieces | surroundings, max_size=8).map("".join))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    assert not contains_secret(redact(text))


@given(st.text())
def test_any_text_can_be_redacted(text: str) -> None:
    assert redact(redact(text)) == redact(text)


TRAPS = {
    "jwt": "eyJ",
    "dotted jwt": "eyJaaaaaaaa.",
    "dashed jwt": "eyJ-",
    "addresses": "://a",
    "at signs": "x@",
    "pem": "-----BEGIN PRIVATE KEY-----",
    "half pem": "-----BEGIN ",
    "names": "token",
    "upper names": "TOKEN_",
    "assignments": "token=",
    "spaced": "token = ",
    "schemes": "bearer ",
    "github": "ghp_",
    "openai": "sk-",
    "slack": "xoxb-",
    "spaces": " ",
    "letters": "a",
}


@pytest.mark.parametrize("unit", TRAPS.values(), ids=TRAPS.keys())
def test_the_time_grows_no_faster_than_the_text(unit: str) -> None:
    """A search that is quadratic takes minutes for the text, a linear one a few hundredths of a second."""
    text = "eyj ://" + unit * (200_000 // len(unit))
    began = time.process_time()

    redact(text)

    assert time.process_time() - began < 2.0


def test_members_are_redacted_by_their_names() -> None:
    value: JsonValue = {
        "env": [{"name": "GITHUB_TOKEN", "value": "swordfish"}, {"name": "LANG", "value": "C"}],
        "headers": {"Authorization": ["Basic x"], "accept": "text/plain"},
        "usage": {"tokens": 512},
    }

    assert redact_json(value) == {
        "env": [{"name": "GITHUB_TOKEN", "value": REDACTED}, {"name": "LANG", "value": "C"}],
        "headers": {"Authorization": [REDACTED], "accept": "text/plain"},
        "usage": {"tokens": 512},
    }


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(sorted(SECRETS.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_no_string_of_a_redacted_value_is_a_credential(value: JsonValue) -> None:
    assert not any(contains_secret(text) for text in _strings(redact_json(value)))


def _strings(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    if isinstance(value, dict):
        return [*value, *(text for one in value.values() for text in _strings(one))]
    return []
