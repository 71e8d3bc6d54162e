"""How a client joins a session: ``session/load``, ``session/resume``, or by cursor.

What a view is to begin after may have been trimmed from the journal, at any time. So a client is told, each
time that events which it has not seen are gone, and is shown all that is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from actors import errors
from actors.connection.attachment import Attachment
from actors.connection.messages import AttachMode, AttachSession
from actors.connection.sealing import Sealer
from actors.connection.session import Session
from actors.protocol import compose, rewrite
from actors.protocol.methods import ATTACHED
from actors.protocol.surroundings import surroundings_of


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a view begins: ``after`` this event, when ``head`` was the newest."""

    after: int
    head: int


def begin(session: Session, message: AttachSession, sealer: Sealer) -> Beginning:
    """Begin the view; nothing is shown or answered yet.

    Raises InvalidParamsError for a cursor that is none of the session's.
    """
    head = session.history.last_seq
    after = {AttachMode.LOAD: 0, AttachMode.RESUME: head}.get(message.mode, message.after_seq)
    if not 0 <= after <= head:
        raise errors.InvalidParamsError(f"afterSeq: expected 0 to {head}, the newest event; got {after}")
    session.attach(message.attachment, after, again=message.again)
    if message.mode is not AttachMode.CURSOR:
        session.surround(surroundings_of(message.request), sealer)
    session.touch()
    return Beginning(after, head)


def answer(session: Session, message: AttachSession, begun: Beginning, first_seq: int) -> None:
    """Answer, and ask again what is open. ``first_seq`` is the oldest event that can still be shown."""
    attachment = message.attachment
    # An answer of a client that comes again may have been lost on the way. What follows its cursor is shown.
    asked_up_to = begun.after if message.again else begun.head
    lost = begun.after + 1 < first_seq
    if lost:
        if message.again:
            _tell_of_reset(session, attachment, first_seq)
        if attachment.position < first_seq:
            attachment.start(first_seq - 1, begun.head + 1)
        asked_up_to = begun.head
    about = {
        "seq": begun.head,
        "firstSeq": max(begun.after + 1, first_seq),
        "reset": lost,
        "workspaceId": session.workspace_id,
        **session.carriage.confirmed(),
    }
    attachment.say(message.request.raw_id, _frame(session, message, about), begun.head)
    session.ask_again(attachment, asked_up_to)


def start_over(session: Session, attachment: Attachment, first_seq: int) -> None:
    """What a view was to be shown next is gone: it begins anew with what is kept, and the client is told."""
    head = session.history.last_seq
    _tell_of_reset(session, attachment, first_seq)
    attachment.start(first_seq - 1, head + 1)
    session.ask_again(attachment, head)


def _tell_of_reset(session: Session, attachment: Attachment, first_seq: int) -> None:
    told = {"sessionId": session.session_id, "reset": True, "firstSeq": first_seq}
    attachment.say_now(b"", compose.notification(ATTACHED, told))


def _frame(session: Session, message: AttachSession, about: dict[str, object]) -> bytes:
    request_id = message.request.echo_id
    if message.mode is AttachMode.CURSOR:
        return compose.response(request_id, {"sessionId": session.session_id, **about})
    setup = msgspec.json.decode(session.setup, type=dict[str, msgspec.Raw])
    setup.pop("sessionId", None)
    session.choices.show_in(setup)
    return rewrite.with_meta(compose.response(request_id, setup), about, part="result")
