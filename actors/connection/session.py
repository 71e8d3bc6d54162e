"""One ACP conversation: its event stream, who watches it, what it waits for.

Plain state without I/O of its own; its connection actor calls it, one message at a time.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from actors import errors
from actors.connection.attachment import Attachment
from actors.connection.events import Asker, Event, EventKind
from actors.connection.history import History
from actors.connection.messages import SessionSummary
from actors.connection.questions import Question, Questions, is_shared
from actors.connection.turns import Turns
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Session:
    """A session as its connection actor holds it.

    ``session_id`` is ours, ``agent_id`` the agent's name for the same conversation. ``setup`` is the
    result of ``session/new`` as the client got it, for those who load or resume.
    """

    def __init__(
        self,
        session_id: str,
        agent_id: str,
        *,
        installation: str,
        workspace_id: str,
        cwd: str,
        setup: bytes,
        history_bytes: int,
    ) -> None:
        self.session_id = session_id
        self.agent_id = agent_id
        self.installation = installation
        self.workspace_id = workspace_id
        self.cwd = cwd
        self.setup = setup
        self.title: str | None = None
        self.updated_at = _now()
        self.history = History(history_bytes)
        self.turns = Turns()
        self.questions = Questions(session_id)
        self.attachments: dict[int, Attachment] = {}
        self.driver: int | None = None

    # ------------------------------------------------------------------ from the agent

    def show_update(self, frame: bytes) -> None:
        """A notification of the agent that names this session."""
        seq = self.history.last_seq + 1
        message = rewrite.forward_update(frame, self.agent_id, self.session_id, seq)
        self._publish(Event(seq, EventKind.UPDATE, message))
        if b'"session_info_update"' in frame:
            self._note_title(frame)

    def show_unscoped(self, frame: bytes) -> None:
        """A notification of the agent without a session, for whoever is attached."""
        self._publish(Event(self.history.last_seq + 1, EventKind.UPDATE, frame))

    def ask(self, request: Envelope) -> None:
        """A request of the agent. Files and terminals are asked of the client that prompted last.

        Raises MailboxFullError where 256 of them are open.
        """
        assert request.method is not None
        question_id = self.questions.next_id()
        message = rewrite.with_id(request, question_id)
        if request.session_id is not None:
            message = rewrite.with_session(message, self.agent_id, self.session_id)
        asked = None if is_shared(request.method) else self._driver()
        self.questions.add(Question(question_id, request.raw_id, request.method, message, asked))
        self._publish(Event(self.history.last_seq + 1, EventKind.QUESTION, message, asked))

    def withdraw(self, agent_id: bytes) -> bool:
        """The agent cancelled its own request: tell the clients that were asked. False if there is none."""
        question = self.questions.withdraw(agent_id)
        if question is None:
            return False
        message = compose.notification("$/cancel_request", {"requestId": question.question_id})
        self._publish(Event(self.history.last_seq + 1, EventKind.QUESTION, message, question.asked))
        return True

    # ------------------------------------------------------------------ to the clients

    def show_prompt(self, prompt: list[msgspec.Raw], by: int) -> None:
        """What a client said, for the other clients and for those who load later; ``by`` prompts now."""
        for block in prompt:
            update = {"sessionUpdate": "user_message_chunk", "content": block}
            message = compose.notification("session/update", {"sessionId": self.session_id, "update": update})
            seq = self.history.last_seq + 1
            self._publish(Event(seq, EventKind.PROMPT, rewrite.with_cursor(message, seq), by))
        self.driver = by

    def answer(self, askers: list[Asker], message_for: dict[bytes, bytes]) -> None:
        """The outcome of a request, told to each that asked for it, after all that came before it.

        Who has left meanwhile is told nothing: its requests ended with its view.
        """
        for asker in askers:
            if asker.attachment in self.attachments:
                message = message_for[asker.request_id]
                seq = self.history.last_seq + 1
                self._publish(Event(seq, EventKind.ANSWER, message, asker.attachment, asker.request_id))

    def notice(self, method: str, params: dict[str, object]) -> None:
        """A notification of ours to all that are attached now; not part of the conversation."""
        message = compose.notification(method, {"sessionId": self.session_id, **params})
        for attachment in self.attachments.values():
            attachment.say(b"", message, self.history.last_seq)

    def attach(self, attachment: Attachment, after_seq: int) -> None:
        """Show a client what came after ``after_seq`` and, from now on, what happens."""
        self.attachments[attachment.number] = attachment
        if self.driver is None:
            self.driver = attachment.number
        attachment.start(self.history, after_seq)

    def catch_up(self, attachment: Attachment) -> None:
        """A client that fell behind has room again; what it alone had not read is let go."""
        attachment.catch_up(self.history)
        self._trim()

    def ask_again(self, attachment: Attachment) -> None:
        """Put every open question to a client that has just attached."""
        for question in self.questions.open():
            if question.is_shared:
                attachment.say(b"", question.message, self.history.last_seq)
        self._hand_over()

    def detach(self, attachment: Attachment) -> None:
        """Forget a client. What it alone was asked is asked of the driver that follows it, if any."""
        self.attachments.pop(attachment.number, None)
        self._trim()
        self._hand_over()

    def drop_gone(self) -> None:
        """Detach whoever has left without a word."""
        for attachment in [one for one in self.attachments.values() if one.gone]:
            self.detach(attachment)

    def end_attachments(self, error: errors.LumiLinkError) -> None:
        """The session is over: tell every client why."""
        for attachment in self.attachments.values():
            attachment.end(error)
        self.attachments.clear()

    def summary(self) -> SessionSummary:
        """What lists and the topology show."""
        turn = "idle" if self.turns.running is None else "waiting" if len(self.questions) else "running"
        return SessionSummary(
            self.session_id,
            self.installation,
            self.workspace_id,
            self.cwd,
            self.title,
            self.updated_at,
            len(self.attachments),
            turn,
        )

    # ------------------------------------------------------------------ within

    def touch(self) -> None:
        """Note that a client or a turn used the session now."""
        self.updated_at = _now()

    def _publish(self, event: Event) -> None:
        due = self.history.append(event)
        for attachment in self.attachments.values():
            attachment.offer(event)
        if due:
            self._trim()

    def _trim(self) -> None:
        positions = [attachment.position for attachment in self.attachments.values()]
        self.history.trim(min(positions, default=self.history.last_seq))

    def _driver(self) -> int | None:
        if self.driver not in self.attachments:
            self.driver = next(reversed(self.attachments), None)
        return self.driver

    def _hand_over(self) -> None:
        """Ask the driver what was asked of a client that is no longer there, or of nobody."""
        number = self._driver()
        if number is None:
            return
        for question in self.questions.open():
            if not question.is_shared and question.asked not in self.attachments:
                question.asked = number
                self.attachments[number].say(b"", question.message, self.history.last_seq)

    def _note_title(self, frame: bytes) -> None:
        try:
            note = msgspec.json.decode(frame, type=_InfoNote)
        except msgspec.ValidationError:
            return
        update = note.params.update
        if update.session_update == "session_info_update" and update.title is not msgspec.UNSET:
            self.title = update.title


class _InfoUpdate(msgspec.Struct):
    session_update: str = msgspec.field(name="sessionUpdate")
    title: str | msgspec.UnsetType | None = msgspec.UNSET


class _InfoParams(msgspec.Struct):
    update: _InfoUpdate


class _InfoNote(msgspec.Struct):
    params: _InfoParams
