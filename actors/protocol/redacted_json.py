"""Taking credentials out of JSON values: by the form of their strings, and by the names of their members.

A member whose name tells a credential has every string below it replaced. So has the ``value`` of an object
whose ``name`` does, which is how ACP writes environment variables and headers.
"""

from __future__ import annotations

from pydantic import JsonValue

from actors.protocol.redaction import REDACTED, is_secret_name, redact


def redact_json(value: JsonValue) -> JsonValue:
    """A copy without credentials. Numbers, and names of members, stay as they are."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [redact_json(one) for one in value]
    if isinstance(value, dict):
        return {redact(name): _member(value, name, one) for name, one in value.items()}
    return value


def _member(owner: dict[str, JsonValue], name: str, value: JsonValue) -> JsonValue:
    named = owner.get("name") if name == "value" else name
    return _hidden(value) if isinstance(named, str) and is_secret_name(named) else redact_json(value)


def _hidden(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return REDACTED if value else value
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    if isinstance(value, dict):
        return {redact(name): _hidden(one) for name, one in value.items()}
    return value
