"""What travels on a link: msgpack arrays whose first element is the kind of frame.

========  =====================================  ==================================================
kind      rest of the array                      meaning
========  =====================================  ==================================================
HELLO     version, peer, nonce, proof            first frame of either side; see ``secret.py``
DATA      stream, seq, message                   one JSON-RPC message of an attachment
ANSWER    stream, request id, message            a JSON-RPC message that answers a client's request
OPEN      stream, session id, greeting           the replica attaches a client to a session
CLOSE     stream, code, detail, retry after      either side ends an attachment
MOVED     stream, life                           another worker holds the workspace: open it there
CREDIT    stream, frames, bytes                  the receiver has passed on that much
CALL      number, method, arguments              a question between the two processes
REPLY     number, result                         its answer
FAIL      number, code, detail, retry after      or its failure, by the code in ``actors.errors``
PING      time                                   heartbeat, sent by both
PONG      time                                   its echo
========  =====================================  ==================================================

A *stream* is one attachment; its number is chosen by the replica and is unique on the link. A *seq* is the
place of an event in its session's stream of the journal, 0 for what is no event.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

LINK_VERSION = 2


class FrameKind(IntEnum):
    """First element of every frame."""

    HELLO = 0
    DATA = 1
    ANSWER = 2
    OPEN = 3
    CLOSE = 4
    CREDIT = 5
    CALL = 6
    REPLY = 7
    FAIL = 8
    PING = 9
    PONG = 10
    MOVED = 11


LENGTHS: Final[dict[int, int]] = {
    FrameKind.HELLO: 5,
    FrameKind.DATA: 4,
    FrameKind.ANSWER: 4,
    FrameKind.OPEN: 4,
    FrameKind.CLOSE: 5,
    FrameKind.MOVED: 3,
    FrameKind.CREDIT: 4,
    FrameKind.CALL: 4,
    FrameKind.REPLY: 3,
    FrameKind.FAIL: 5,
    FrameKind.PING: 2,
    FrameKind.PONG: 2,
}
"""How many elements a frame of each kind has, its kind included."""
