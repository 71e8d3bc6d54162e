"""The bound on what a link holds for an agent that does not read."""

from __future__ import annotations

from actors.errors import FrameTooLargeError, MailboxFullError


def ensure_room(frame_bytes: int, unread_bytes: int, max_frame_bytes: int) -> None:
    """Let a frame of ``frame_bytes`` pass if, with it, at most two frames of the largest size wait unread.

    Raises FrameTooLargeError for a frame that no waiting would help, MailboxFullError for one too many.
    """
    if frame_bytes > max_frame_bytes:
        raise FrameTooLargeError(
            f"message of {frame_bytes} bytes for the agent; at most {max_frame_bytes} pass"
        )
    if unread_bytes + frame_bytes > 2 * max_frame_bytes:
        raise MailboxFullError(
            f"the agent has left {unread_bytes} bytes unread; it must read before more is sent"
        )
