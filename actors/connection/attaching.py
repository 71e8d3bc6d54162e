"""How a client joins a session: ``session/load``, ``session/resume``, or by cursor."""

from __future__ import annotations

import msgspec

from actors import errors
from actors.connection.messages import AttachMode, AttachSession
from actors.connection.sealing import Sealer
from actors.connection.session import Session
from actors.protocol import compose, rewrite
from actors.protocol.surroundings import surroundings_of


def attach(session: Session, message: AttachSession, sealer: Sealer) -> None:
    """Begin the view, answer, and ask again what is open. What is past is shown by ``catch_up``.

    Raises InvalidParamsError for a cursor that is none of the session's, and SlowConsumerError for a view
    that comes again where what it has not seen is gone.
    """
    attachment, head, kept = message.attachment, session.history.last_seq, session.first_kept
    after = {AttachMode.LOAD: 0, AttachMode.RESUME: head}.get(message.mode, message.after_seq)
    if not 0 <= after <= head:
        raise errors.InvalidParamsError(f"afterSeq: expected 0 to {head}, the newest event; got {after}")
    if message.again and after + 1 < kept:
        raise errors.SlowConsumerError("the client fell behind what is kept of the session: load it anew")
    session.attach(attachment, max(after, kept - 1), again=message.again)
    attachment.say(message.request.raw_id, _answer(session, message, after), head)
    if message.mode is not AttachMode.CURSOR:
        session.surround(surroundings_of(message.request), sealer)
    # An answer of a client that comes again may have been lost on the way. What follows its cursor is shown.
    session.ask_again(attachment, after if message.again else head)
    session.touch()


def _answer(session: Session, message: AttachSession, after: int) -> bytes:
    about = {
        "seq": session.history.last_seq,
        "firstSeq": session.first_kept,
        "reset": after + 1 < session.first_kept,
        "workspaceId": session.workspace_id,
    }
    request_id = message.request.echo_id
    if message.mode is AttachMode.CURSOR:
        return compose.response(request_id, {"sessionId": session.session_id, **about})
    setup = msgspec.json.decode(session.setup, type=dict[str, msgspec.Raw])
    setup.pop("sessionId", None)
    return rewrite.with_meta(compose.response(request_id, setup), about, part="result")
