"""A client's connection as those see it that answer its requests."""

from __future__ import annotations

from typing import Protocol

from actors.protocol.envelope import Envelope
from serve.ingress.admissions import Applicant
from serve.ingress.gateway import Gateway
from serve.ingress.views import SessionView, ViewOwner
from serve.rights import Identity


class Caller(ViewOwner, Protocol):
    """See ``ClientConnection``. ``initialize`` holds the params of the client's own ``initialize``.

    ``identity`` is whom its messages come from.
    """

    gateway: Gateway
    identity: Identity
    initialize: bytes
    views: dict[str, SessionView]
    applicants: dict[bytes, Applicant]

    def reply(self, frame: bytes) -> None:
        """Send a message on the connection."""

    def settle(self, request_id: bytes, frame: bytes) -> None:
        """Send the answer to a request that the connection itself answers."""

    def heard(self, request_id: bytes) -> None:
        """A request for a new session was not refused at once."""

    def opens(self, message: Envelope, view: SessionView) -> None:
        """From now on the answer to ``message`` is awaited from ``view``."""
