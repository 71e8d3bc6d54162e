"""Taking credentials out of text before it is recorded, logged or shown.

Three things give a credential away: its own form (the tokens of well-known providers, JSON Web Tokens,
private keys, web addresses with a password), the name that it is assigned to, or the header it stands in.
What is found is replaced by ``[redacted]``; the text around it stays. A form that is not known here is not
found, so this is the last line of defence and not the first: a credential has no business in a record.

Every search takes time linear in the text, whatever is in it: a pattern can begin only where a run of its own
characters begins, and the runs are possessive or bounded.

Sources: the providers' documentation of their token formats; RFC 3986 (userinfo), RFC 7468 (PEM), RFC 7515
(JWT), RFC 9110 (credentials in headers).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

REDACTED: Final = "[redacted]"

_NAME: Final = (
    r"pass(?:word|wd|phrase|code)|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|signing[-_]?key"
    r"|credential|authorization|cookie"
)
_SECRET_NAME: Final = re.compile(_NAME, re.IGNORECASE | re.ASCII)
_NOT_AFTER_WORD: Final = r"(?<![A-Za-z0-9])"


class _Rule(NamedTuple):
    """A form of credentials. It is looked for only in a text, lower-cased, that has one of the hints."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Callable[[re.Match[str]], str] = lambda _match: REDACTED


def redact(text: str) -> str:
    """The text with ``[redacted]`` in place of each credential. Redacting twice changes nothing more."""
    if len(text) < _SHORTEST_FOUND:
        return text
    lowered = text.lower()
    for rule in _RULES:
        for hint in rule.hints:
            if hint in lowered:
                text = rule.pattern.sub(rule.replace, text)
                break
    return text


def contains_secret(text: str) -> bool:
    """Whether ``redact`` would change the text."""
    return redact(text) != text


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a credential: ``GITHUB_TOKEN``, ``apiKey``, ``Authorization``, ..."""
    return _SECRET_NAME.search(name) is not None


def _token(*hints: str, form: str) -> _Rule:
    return _Rule(hints, re.compile(_NOT_AFTER_WORD + form, re.ASCII))


def _keep_first_group(match: re.Match[str]) -> str:
    return match[1] + REDACTED


def _without_scheme_words(match: re.Match[str]) -> str:
    """Credentials have a digit, a capital inside or padding; a word that follows "basic" has not."""
    looks_coded = any(char.isdigit() or char in "=+/" or char.isupper() for char in match[2][1:])
    return _keep_first_group(match) if looks_coded else match[0]


def _without_userinfo(match: re.Match[str]) -> str:
    """A password is taken out, and so is a token in place of a name; the name that somebody has stays."""
    userinfo = match[0]
    name, colon, password = userinfo.partition(":")
    if colon and password and password != REDACTED:
        return f"{name}:{REDACTED}" if len(name) < _SHORTEST_TOKEN else REDACTED
    return REDACTED if len(name) >= _SHORTEST_TOKEN else userinfo


def _without_value(match: re.Match[str]) -> str:
    """``NAME=value`` of an environment and ``"name": "value"`` always, else a value that cannot be a word."""
    name, assigned, value = match[1], match[2], match[3]
    is_literal = (assigned == "=" and name.isupper()) or assigned.count('"') == _BOTH_QUOTES
    cannot_be_word = len(value) >= _SHORTEST_VALUE and any(char.isdigit() for char in value)
    return f"{name}{assigned}{REDACTED}" if is_literal or cannot_be_word else match[0]


_BOTH_QUOTES: Final = 2
_SHORTEST_FOUND: Final = len("://a:b@")
"""What is shorter than this is no credential under any of the rules."""
_SHORTEST_TOKEN: Final = 20
_SHORTEST_VALUE: Final = 12
_HINTS_OF_NAMES: Final = (
    *("password", "passwd", "passphrase", "passcode"),
    *("secret", "token", "credential", "authorization", "cookie"),
    *(f"{kind}{mark}key" for kind in ("api", "access", "private", "signing") for mark in ("", "_", "-")),
)

_RULES: Final = (
    _Rule(
        ("private key-----",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----"
            r"(?:.*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY-----|.*)",
            re.DOTALL,
        ),
    ),
    _Rule(
        ("eyj",),
        re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]*+){2,4}"),
    ),
    # Our own API keys.
    _token("lk_", form=r"lk_[0-9a-f]{16}_[0-9a-f]{32,}+"),
    # GitHub: classic tokens of five kinds, fine-grained ones, and those of apps, which may be a JWT.
    _token("ghp_", "gho_", "ghu_", "ghs_", "ghr_", form=r"gh[pousr]_\w{20,}+(?:\.[\w-]{10,}+){0,2}"),
    _token("github_pat_", form=r"github_pat_\w{20,}+"),
    _token("glpat-", form=r"glpat-[\w-]{20,}+"),
    # OpenAI (sk-, sk-proj-, sk-svcacct-, sk-admin-) and Anthropic (sk-ant-).
    _token("sk-", form=r"sk-[\w-]{20,}+"),
    _token("_live_", "_test_", form=r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}+"),
    # AWS: ids of keys; a secret key has no form of its own and is found by its name.
    _token("akia", "asia", "abia", "acca", form=r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("xox", "xapp-", form=r"(?:xox[a-z](?:\.xox[a-z])?|xapp)-[A-Za-z0-9-]{10,}+"),
    _token("hooks.slack.com", form=r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,}+"),
    _token("aiza", form=r"AIza[\w-]{35,}+"),
    _token("ya29.", form=r"ya29\.[\w-]{20,}+"),
    _token("npm_", form=r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _token("pypi-", form=r"pypi-[\w-]{50,}+"),
    _token("hf_", form=r"hf_[A-Za-z0-9]{30,}+"),
    _Rule(
        ("bearer", "basic"),
        re.compile(rf"({_NOT_AFTER_WORD}(?i:bearer|basic)[ \t]{{1,8}})([A-Za-z0-9+/_.~-]{{12,}}+=*+)"),
        _without_scheme_words,
    ),
    _Rule(
        _HINTS_OF_NAMES,
        re.compile(
            rf"((?i:{_NAME})[A-Za-z0-9_-]{{0,40}}+)"
            r"((?:\\?[\"'])?[ \t]{0,4}[=:][ \t]{0,4}(?:\\?[\"'])?)"
            r"([^\s\"'`<>${}()\[\],;\\]{6,}+)",
            re.ASCII,
        ),
        _without_value,
    ),
    # After all others: what they leave of an address is still one, what it leaves is no credential.
    _Rule(("://",), re.compile(r"(?<=://)[^\s/?#\"'<>\\]+(?=@)"), _without_userinfo),
)
