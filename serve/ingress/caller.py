"""A client's connection as those see it that answer its requests."""

from __future__ import annotations

from typing import Protocol

from actors.protocol.envelope import Envelope
from serve.ingress.gateway import Gateway
from serve.ingress.views import SessionView, ViewOwner


class Caller(ViewOwner, Protocol):
    """See ``ClientConnection``. ``initialize`` holds the params of the client's own ``initialize``."""

    gateway: Gateway
    initialize: bytes
    views: dict[str, SessionView]

    def settle(self, request_id: bytes, frame: bytes) -> None:
        """Send the answer to a request that the connection itself answers."""

    def opens(self, message: Envelope, view: SessionView) -> None:
        """From now on the answer to ``message`` is awaited from ``view``."""
