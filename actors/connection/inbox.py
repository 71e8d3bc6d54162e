"""Between an agent's link and the mailbox of its connection actor.

The link calls for every frame. The inbox keeps them and tells the actor once, until the actor has read
them; above a limit it stops the link from reading, so an agent that floods fills its own socket and
nothing of ours. What the link had already read in one piece is kept all the same: nothing is lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from actors.agents.link import AgentLink, LinkClosed
from actors.connection.messages import AgentGone, Readable
from actors.errors import ActorStoppedError, MailboxFullError
from actors.kernel.ref import ActorRef
from actors.metrics.tally import TALLY

log = logging.getLogger("lumilink.agent")

PAUSE_AT_FRAMES = 256
PAUSE_AT_BYTES = 4 * 1024 * 1024
RETRY_S = 0.05

READABLE = Readable()


def _unheard(_line: str) -> None:
    """Nobody but our own log wants to know."""


class AgentInbox:
    """The ``AgentListener`` of one connection."""

    __slots__ = (
        "_arrived",
        "_bytes",
        "_closed",
        "_frames",
        "_link",
        "_on_log",
        "_owner",
        "_paused",
        "_pressed",
        "_told",
        "label",
    )

    def __init__(self, owner: ActorRef, label: str, on_log: Callable[[str], None] = _unheard) -> None:
        self.label = label
        self._owner = owner
        self._on_log = on_log
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._link: AgentLink | None = None
        self._closed: LinkClosed | None = None
        self._paused = False
        self._pressed = False
        self._told = False
        self._arrived = 0.0

    def bind(self, link: AgentLink) -> None:
        """The link whose reading is paused when the inbox is full."""
        self._link = link
        if self._pressed:
            link.pause_reading()

    def unbind(self) -> None:
        """The link has ended."""
        self._link = None

    def __len__(self) -> int:
        return len(self._frames)

    def agent_frame(self, frame: bytes) -> None:
        """Keep a frame for the actor."""
        self._frames.append(frame)
        self._bytes += len(frame)
        if not self._told:
            self._tell()
            if TALLY.times_next():
                self._arrived = time.monotonic()
        if not self._paused and (len(self._frames) > PAUSE_AT_FRAMES or self._bytes > PAUSE_AT_BYTES):
            self._pause()

    def agent_log(self, line: str) -> None:
        """A line of the agent's standard error."""
        log.info("%s: %s", self.label, line)
        self._on_log(line)

    def agent_closed(self, closed: LinkClosed) -> None:
        """Told to the actor once it has read every frame."""
        self._closed = closed
        if not self._told:
            self._tell()

    def take(self) -> bytes | AgentGone | None:
        """The next frame; ``AgentGone`` after the last; None if there is nothing now."""
        if self._frames:
            frame = self._frames.popleft()
            self._bytes -= len(frame)
            TALLY.arrived, self._arrived = self._arrived, 0.0
            if (
                self._paused
                and len(self._frames) * 4 <= PAUSE_AT_FRAMES
                and self._bytes * 4 <= PAUSE_AT_BYTES
            ):
                self._resume()
            return frame
        self._told = False
        if self._closed is not None:
            closed, self._closed = self._closed, None
            return AgentGone(closed)
        return None

    def tell_again(self) -> None:
        """The actor has read its share for now and wants to be told of the rest."""
        self._tell()

    def _tell(self) -> None:
        self._told = True
        try:
            self._owner.tell(READABLE)
        except MailboxFullError:
            asyncio.get_running_loop().call_later(RETRY_S, self._tell)
        except ActorStoppedError as error:
            # What the agent of a stopped actor still says has no reader.
            log.debug("%s: %s", self.label, error)

    def press(self, pressed: bool) -> None:
        """Whether nothing is to be read for a reason that is not ours: the journal cannot keep up."""
        if pressed == self._pressed:
            return
        self._pressed = pressed
        if self._link is not None and not self._paused:
            if pressed:
                self._link.pause_reading()
            else:
                self._link.resume_reading()

    def _pause(self) -> None:
        if self._link is not None:
            self._paused = True
            if not self._pressed:
                self._link.pause_reading()

    def _resume(self) -> None:
        if self._link is not None:
            self._paused = False
            if not self._pressed:
                self._link.resume_reading()
