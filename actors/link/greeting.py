"""What a replica says in an OPEN frame when it attaches a client to a session."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Greeting:
    """``method`` is the client's request that leads to it, ``request`` that request as it came.

    ``client`` is the connection's id. The rest is set where the method needs it: ``initialize`` holds the
    params of the client's own ``initialize``.

    With ``reattach`` the replica itself brings back a view that lost its worker; ``pending`` are the ids of
    the client's prompts that still wait for an answer, as they were spelled. ``dead`` is the life of a worker
    that is known to be dead, whose placements may be seized; empty where none is. ``user`` is the name of
    whoever asks, empty if it has none. ``role`` is what the client is in the session: ``driver`` or
    ``observer``; with ``turns`` it is told of turns, with ``status`` of the live status.
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
    reattach: bool = False
    pending: tuple[bytes, ...] = ()
    dead: str = ""
    role: str = "driver"
    turns: bool = False
    user: str = ""
    status: bool = False
