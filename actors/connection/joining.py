"""A client joins a session that is there, and a view that fell behind reads on."""

from __future__ import annotations

from collections.abc import Callable

from actors import errors
from actors.connection import attaching
from actors.connection.attachment import Attachment
from actors.connection.events import Asker
from actors.connection.messages import AttachSession
from actors.connection.prompting import Prompting
from actors.connection.session import Session
from actors.connection.store import SessionStore
from actors.kernel.actor import ActorContext


class Joining:
    """For the sessions of one connection."""

    def __init__(self, context: ActorContext, store: SessionStore, prompting: Prompting) -> None:
        self._context = context
        self._store = store
        self._prompting = prompting

    def attach(self, session: Session | None, message: AttachSession) -> None:
        """Show and answer, or end the view with what was wrong."""
        attachment = message.attachment
        if session is None:
            attachment.end(errors.SessionNotFoundError(f"no session {message.session_id}"))
            return
        if attachment.gone:
            return
        try:
            begun = attaching.begin(session, message, self._store.sealer)
        except errors.LumiLinkError as error:
            attachment.end(error)
            return
        askers = [Asker(attachment.client, request_id) for request_id in message.pending]
        owed = [asker for asker in askers if self._prompting.owes(session, asker)]

        def answer(first_seq: int) -> None:
            attaching.answer(session, message, begun, first_seq)
            self.catch_up(session, attachment)
            for asker in owed:
                self._prompting.recover(session, asker)

        if begun.after + 1 >= session.history.first_seq:
            answer(begun.after + 1)
        else:
            known = self._answer_once_known(session, attachment, answer)
            self._context.run(known, name="look how much is kept")

    async def _answer_once_known(
        self, session: Session, attachment: Attachment, answer: Callable[[int], None]
    ) -> None:
        """Only the journal knows how much of the past is kept."""
        try:
            first_seq = await self._store.recall.first_seq(session)
        except errors.LumiLinkError as error:
            attachment.end(error)
            return
        if not attachment.gone:
            answer(first_seq)

    def catch_up(self, session: Session, attachment: Attachment) -> None:
        """Let a view read on, as far as it has room."""
        if not attachment.catch_up(session.history):
            past = self._store.recall.show_past(session, attachment)
            self._context.run(past, name="read back")
