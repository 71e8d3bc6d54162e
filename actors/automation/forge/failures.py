"""What an answer of GitHub's that is no success means.

Sources: GitHub's documentation of rate limits (``retry-after``, ``x-ratelimit-remaining``,
``x-ratelimit-reset``, at least a minute where none is there), of errors of its API (404 in place of 403 for
what a token may not see, ``errors`` of a 422), and of ``X-Accepted-GitHub-Permissions``.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import msgspec

from actors.errors import (
    CredentialRefusedError,
    ForgeForbiddenError,
    ForgeLimitError,
    ForgeRefusedError,
    ForgeUnreachableError,
    LumiLinkError,
    RepositoryBlockedError,
    RepositoryUnknownError,
)
from actors.protocol.redaction import redact

_LEAST_WAIT_S: Final = 1.0
_WAIT_S: Final = 60.0
"""Where GitHub names no time."""
_MOST_WAIT_S: Final = 24 * 3600.0
_MOST_TEXT: Final = 400
_LIMIT_WORDS: Final = ("rate limit", "abuse detection")


class _Detail(msgspec.Struct):
    message: str = ""
    resource: str = ""
    field: str = ""
    code: str = ""

    def text(self) -> str:
        return self.message or " ".join(part for part in (self.resource, self.field, self.code) if part)


class _Problem(msgspec.Struct):
    message: str = ""
    errors: list[_Detail | str] | str = msgspec.field(default_factory=list)

    def text(self) -> str:
        given = [self.errors] if isinstance(self.errors, str) else self.errors
        details = [one if isinstance(one, str) else one.text() for one in given]
        told = "; ".join(part for part in (self.message, *details) if part)
        return redact(told)[:_MOST_TEXT]


def failure_of(what: str, response: httpx.Response, now: float) -> LumiLinkError:
    """The error that an answer stands for. ``what`` says what was asked, ``now`` is in epoch seconds."""
    status, told = response.status_code, _problem(response).text()
    if status in (403, 429):
        return _refused_or_limited(what, response, told, now)
    if status == 401:
        return CredentialRefusedError(f"{what}: {told or 'the credential is not taken'}")
    if status == 404:
        return RepositoryUnknownError(f"{what}: not there, or not for this credential")
    if status == 451:
        return RepositoryBlockedError(f"{what}: {told or 'not available for legal reasons'}")
    if status < 500:
        return ForgeRefusedError(f"{what}: {told or f'status {status}'}")
    return ForgeUnreachableError(
        f"{what}: GitHub fails with status {status}", _seconds(response, "retry-after")
    )


def _refused_or_limited(what: str, response: httpx.Response, told: str, now: float) -> LumiLinkError:
    wait_s = _wait(response, told, now)
    if wait_s is not None:
        return ForgeLimitError(f"{what}: {told or 'the rate limit is used up'}", wait_s)
    if "archived" in told:
        return RepositoryBlockedError(f"{what}: {told}")
    needed = response.headers.get("x-accepted-github-permissions", "")
    return ForgeForbiddenError(f"{what}: {told}" + (f" (it needs {needed[:_MOST_TEXT]})" if needed else ""))


def _wait(response: httpx.Response, told: str, now: float) -> float | None:
    """How long a limit lasts, in seconds; None where it is no limit that refused."""
    after = _seconds(response, "retry-after")
    if after is not None:
        return _bounded(after)
    if response.headers.get("x-ratelimit-remaining") == "0":
        reset = _seconds(response, "x-ratelimit-reset")
        return _WAIT_S if reset is None else _bounded(reset - _their_clock(response, now))
    limited = response.status_code == 429 or any(word in told.lower() for word in _LIMIT_WORDS)
    return _WAIT_S if limited else None


def _bounded(wait_s: float) -> float:
    return min(max(wait_s, _LEAST_WAIT_S), _MOST_WAIT_S)


def _their_clock(response: httpx.Response, now: float) -> float:
    """The time of the answer by the clock that its reset is told by; ours, where it does not say."""
    try:
        return parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return now


def _seconds(response: httpx.Response, name: str) -> float | None:
    told = response.headers.get(name, "")
    return float(told) if told.isascii() and told.isdigit() else None


def _problem(response: httpx.Response) -> _Problem:
    try:
        return msgspec.json.decode(response.content, type=_Problem)
    except msgspec.MsgspecError:
        return _Problem()
