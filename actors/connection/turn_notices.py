"""``_lumilink/turn``: what a client that asks for it is told of a session's turns, its own or another's.

ACP answers a prompt to the client that said it. Who only watches sees updates, but not whether more of them
will come. A view that was opened with ``_meta.lumilink.turns`` is shown each turn's beginning and end, in
its place among the events.
"""

from __future__ import annotations

from typing import Final

from actors.connection.events import Event, EventKind
from actors.protocol import compose
from actors.protocol.members import split

METHOD: Final = "_lumilink/turn"
STATES: Final = {EventKind.TURN_STARTED: "running", EventKind.TURN_ENDED: "ended"}
_TOLD: Final = ("turn", "promptId", "at", "outcome", "answer")


def turn_notice(session_id: str, event: Event) -> bytes:
    """The notification for a TURN_STARTED or TURN_ENDED event: of its note, what is for clients."""
    note = split(event.message)
    params: dict[str, object] = {"sessionId": session_id, "state": STATES[event.kind]}
    params |= {name: note[name] for name in _TOLD if name in note}
    params["_meta"] = {"lumilink": {"seq": event.seq}}
    return compose.notification(METHOD, params)
