"""Where a gateway's ACP endpoint is, from the ``--url`` that a user gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from actors.agents.target import AgentTarget
from actors.errors import SettingsError

DEFAULT_URL: Final = "http://127.0.0.1:8000"
"""Where ``lumilink up`` serves unless told otherwise."""

_ACCEPTED: Final = "http://HOST:PORT, https://HOST or ws://HOST:PORT/acp"
_SOCKET_SCHEME: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_ENDPOINT: Final = "/acp"


def acp_target(url: str, key: str = "") -> AgentTarget:
    """The gateway's WebSocket endpoint; its ``label`` is fit to be shown, credentials are not in it.

    ``http://HOST:PORT`` gets the path ``/acp``; so does a bare ``HOST:PORT``. A ``ws://`` URL with a path is
    taken as it is. ``key`` is shown to the gateway, if there is one. Raises SettingsError for all else.
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = _SOCKET_SCHEME.get(parts.scheme)
    path = parts.path.rstrip("/")
    if scheme is None:
        raise SettingsError(f"--url: {parts.scheme}:// is no gateway's address; accepted are {_ACCEPTED}")
    is_whole = path.endswith(_ENDPOINT) or (parts.scheme == scheme and path)
    if not is_whole:
        path += _ENDPOINT
    try:
        target = AgentTarget.parse(urlunsplit((scheme, parts.netloc, path, parts.query, parts.fragment)))
    except SettingsError as error:
        detail = error.detail.partition("; accepted are ")[0].removeprefix("agent target ")
        raise SettingsError(f"--url: {detail}; accepted are {_ACCEPTED}") from None
    return replace(target, bearer=key or None)
