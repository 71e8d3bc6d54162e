"""An HTTP client for one agent: patient with streams, quick to notice a dead peer, silent about secrets."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from typing import Final

import httpx

from actors.agents.link import DialOptions
from actors.agents.target import AgentTarget
from actors.errors import AgentUnreachableError

_ANSWER_S: Final = 60.0
_IDLE_S: Final = 2.0  # servers drop idle connections after some seconds; a request must not meet that moment
_KEEPALIVE_PROBES: Final = 3


async def ensure_reachable(target: AgentTarget, within_s: float) -> None:
    """Connect once and let go: HTTP has no connection of its own that a dial could open.

    Raises AgentUnreachableError.
    """
    url = httpx.URL(target.url)
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(within_s):
            _, writer = await asyncio.open_connection(url.host, port)
    except TimeoutError:
        raise AgentUnreachableError(f"{target.label}: no connection within {within_s:g} s") from None
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise AgentUnreachableError(f"{target.label}: {why}") from None
    writer.close()


def open_client(target: AgentTarget, options: DialOptions) -> httpx.AsyncClient:
    """Make the client of one link. Cookies are kept, as the remote transport asks.

    Ask it for ``shown_url``: the query string is added below what logs. HTTP/2 is spoken where the server
    offers it. Proxies and credentials of our own environment are not used.
    """
    return httpx.AsyncClient(
        transport=_Transport(httpx.URL(target.url).query, options),
        headers={"User-Agent": "lumilink", "Accept-Encoding": "identity"},
        auth=target.credentials,
        timeout=httpx.Timeout(_ANSWER_S, connect=options.connect_timeout_s),
        trust_env=False,
    )


def shown_url(target: AgentTarget) -> httpx.URL:
    """The target's URL without what must not be shown."""
    return httpx.URL(target.url).copy_with(query=None)


class _Transport(httpx.AsyncBaseTransport):
    """Adds the target's query string on the wire only: httpx logs the URLs that it is asked for."""

    def __init__(self, query: bytes, options: DialOptions) -> None:
        self._query = query
        self._wire = httpx.AsyncHTTPTransport(
            verify=_tls(),
            http2=True,
            trust_env=False,
            # Over HTTP/1.1 every stream holds a connection; how many there are, the link bounds.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=2, keepalive_expiry=_IDLE_S),
            socket_options=_tcp_keepalive(options.idle_timeout_s),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; see httpx."""
        on_wire = httpx.Request(
            request.method,
            request.url.copy_with(query=self._query or None),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await self._wire.handle_async_request(on_wire)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._wire.aclose()


@functools.cache
def _tls() -> ssl.SSLContext:
    # Shared, because each holds its own copy of the system's certificates.
    return ssl.create_default_context()


def _tcp_keepalive(idle_timeout_s: float) -> list[tuple[int, int, int]]:
    """Let the kernel find out that a silent peer is gone: an event stream may rightly be silent for hours.

    It asks after half of that time, and takes the other half for the answer. Kernels count whole seconds.
    """
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (
        ("TCP_KEEPIDLE", max(1, round(idle_timeout_s / 2))),
        ("TCP_KEEPINTVL", max(1, round(idle_timeout_s / 2 / _KEEPALIVE_PROBES))),
        ("TCP_KEEPCNT", _KEEPALIVE_PROBES),
    ):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options
