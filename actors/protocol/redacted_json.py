"""Taking credentials out of JSON values: by the form of their strings, and by the names of their members.

A member whose name tells a credential has every string below it replaced. So has the ``value`` of an object
whose ``name`` does, which is how ACP writes environment variables and headers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pydantic import JsonValue

from actors.protocol.redaction import REDACTED, is_secret_name, redact

_NAMES: Final = 4096
"""The members of all messages have few names, so what is found in one is remembered."""
_LONGEST_NAME: Final = 64


def redact_json(value: JsonValue) -> JsonValue:
    """A copy without credentials. Numbers, and names of members, stay as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_json(one) for one in value]
    if isinstance(value, dict):
        return {_redacted_name(name): _member(value, name, one) for name, one in value.items()}
    return value


def _redacted_name(name: str) -> str:
    return _remembered(name) if len(name) <= _LONGEST_NAME else redact(name)


@lru_cache(maxsize=_NAMES)
def _remembered(name: str) -> str:
    return redact(name)


def _tells_secret(name: str) -> bool:
    return _remembered_secret(name) if len(name) <= _LONGEST_NAME else is_secret_name(name)


@lru_cache(maxsize=_NAMES)
def _remembered_secret(name: str) -> bool:
    return is_secret_name(name)


def _member(owner: dict[str, JsonValue], name: str, value: JsonValue) -> JsonValue:
    named = owner.get("name") if name == "value" else name
    return _hidden(value) if isinstance(named, str) and _tells_secret(named) else redact_json(value)


def _hidden(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return REDACTED if value else value
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    if isinstance(value, dict):
        return {_redacted_name(name): _hidden(one) for name, one in value.items()}
    return value
