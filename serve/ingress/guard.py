"""Who may knock: the checks on a request's origin before anything is read from it.

Without authentication (the embedded default on loopback) a web page in the same machine's browser must
not reach the agents: neither by a cross-origin WebSocket nor by a name that was rebound to 127.0.0.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

Headers = Mapping[bytes, bytes]


def _host_of(value: str) -> str:
    parts = urlsplit(f"//{value}")
    return (parts.hostname or "").lower()


def refusal(headers: Headers, allowed_hosts: Iterable[str], allowed_origins: Iterable[str]) -> str | None:
    """Why a request is refused, or None. An empty ``allowed_hosts`` takes any ``Host``."""
    hosts = frozenset(allowed_hosts)
    host = _host_of(headers.get(b"host", b"").decode("latin-1"))
    if hosts and host not in hosts:
        return f"the Host header names {host or 'nothing'!r}; allowed are {', '.join(sorted(hosts))}"
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or origin in frozenset(allowed_origins):
        return None
    if urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1"):
        return None
    return f"the origin {origin!r} is not allowed; add it to allowed_origins"
