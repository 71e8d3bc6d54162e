"""Placeholders in a target: how one gateway reaches as many agents as there are containers.

``ws://{containerId}.agents.internal/acp`` or ``http://agents/{workspaceId}/acp``: what stands in braces in
the host or the path is filled in for each session.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from actors.errors import InvalidParamsError

CONTAINER: Final = "containerId"
WORKSPACE: Final = "workspaceId"
INSTALLATION: Final = "installationId"
"""For what the gateway itself makes; operators' targets do not have it."""
KNOWN: Final = frozenset({CONTAINER, WORKSPACE})

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_IN_WORDS: Final = (
    "1 to 63 of a to z, 0 to 9 and -, beginning and ending with a letter or a digit, such as web-7"
)
_SHOWN_CHARS: Final = 80


def placeholders_in(text: str) -> frozenset[str]:
    """The names that stand in braces; of a stray brace, the brace."""
    names = set(_PLACEHOLDER.findall(text))
    return frozenset(names | {brace for brace in "{}" if brace in _PLACEHOLDER.sub("", text)})


def check_label(name: str, value: str) -> str:
    """``value``, if it can stand in a host name as it is. Raises InvalidParamsError that says what can."""
    if _LABEL.fullmatch(value) is None:
        raise InvalidParamsError(
            f"params._meta.lumilink.{name}: expected {_LABEL_IN_WORDS}; got {value[:_SHOWN_CHARS]!r}"
        )
    return value


def filled_url(url: str, names: Mapping[str, str]) -> str:
    """A URL, or a label that looks like one, with the placeholders of its host and path filled in.

    Raises InvalidParamsError for a name that is missing, or cannot stand where it is wanted.
    """
    parts = urlsplit(url)
    host = _PLACEHOLDER.sub(lambda found: _in_host(found[1], names), parts.netloc)
    path = _PLACEHOLDER.sub(lambda found: _in_path(found[1], names), parts.path)
    return urlunsplit((parts.scheme, host, path, parts.query, ""))


def _value(name: str, names: Mapping[str, str]) -> str:
    value = names.get(name, "")
    if not value:
        raise InvalidParamsError(
            f"params._meta.lumilink.{name}: missing, and the agent's address depends on it; "
            f"expected {_LABEL_IN_WORDS}"
        )
    return value


def _in_host(name: str, names: Mapping[str, str]) -> str:
    return check_label(name, _value(name, names))


def _in_path(name: str, names: Mapping[str, str]) -> str:
    value = _value(name, names)
    if name == CONTAINER or not value.strip("."):
        return check_label(name, value)
    return quote(value, safe="")
