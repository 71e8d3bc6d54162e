"""What a replica says in an OPEN frame when it attaches a client to a session."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Greeting:
    """``method`` is the client's request that leads to it, ``request`` that request as it came.

    ``client`` is the connection's id. The rest is set where the method needs it: ``initialize`` holds the
    params of the client's own ``initialize``.
    """

    method: str
    request: bytes
    client: str
    installation: str
    initialize: bytes = b"{}"
    workspace_id: str = ""
    cwd: str = ""
    after_seq: int = 0
    new_session_id: str = ""
