"""One ACP conversation: its event stream, who watches it, what it waits for.

Plain state without I/O of its own; its connection actor calls it, one message at a time. What happens is
added to the stream, and shown once the journal has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from actors import errors
from actors.connection import notices, record
from actors.connection.attachment import Attachment
from actors.connection.choices import Choices
from actors.connection.clock import TurnClock
from actors.connection.events import NOBODY, Asker, Event, EventKind, all_but
from actors.connection.history import History
from actors.connection.living import LIVING
from actors.connection.messages import SessionSummary
from actors.connection.notices import Notice, NoticeKind
from actors.connection.questions import DecisionState, Question, Questions, is_shared
from actors.connection.record import OpenQuestion, OpenTurn, SessionRecord, now_iso
from actors.connection.replay import ReplayFilter
from actors.connection.roles import Role
from actors.connection.sealing import Sealer
from actors.connection.status.reader import StatusReader
from actors.connection.status.shape import TurnState
from actors.connection.status.times import OF_A_SESSION, TurnTimes
from actors.connection.stream import SessionStream, Then, Writer
from actors.connection.turns import Answered, Outcome, Turn, TurnEnd, Turns
from actors.placement.leases import Lease
from actors.protocol import compose, rewrite
from actors.protocol.envelope import Envelope
from actors.protocol.info import title_of
from actors.protocol.rewrite import UpdateParams

_NOTED: Final = b'_update"'
"""Ends the kind of every update that the record may be concerned with, and of few others."""


class Session:
    """A session as its connection actor holds it: a record, and what happened since the record was written.

    ``stream_name`` is its stream in the journal, whose newest committed event is ``last_seq``. ``lost`` is
    called if the journal refuses the session's events. ``cut_off`` says that the agent went away in the
    middle of a turn: it may have said more than reached us. ``reader`` is there while somebody wants to know
    of the live status.
    """

    def __init__(
        self,
        known: SessionRecord,
        stream_name: str,
        writer: Writer,
        lease: Lease,
        lost: Callable[[Session, errors.LumiLinkError], None],
        *,
        surroundings: bytes,
        history_bytes: int,
        last_seq: int = 0,
        newest: Sequence[Event] = (),
    ) -> None:
        self.session_id = known.session_id
        self.installation = known.installation
        self.workspace_id = known.workspace_id
        self.cwd = known.cwd
        self.setup = known.setup
        self.initialize = known.initialize
        self.agent_id = known.agent_id
        self.title = known.title
        self.updated_at = known.updated_at
        self.sealed = known.sealed
        self.surroundings = surroundings
        self.closed = False
        self.cut_off = known.cut_off or (known.turn is not None and not known.turn.answered)
        self.replay: ReplayFilter | None = None
        self.history = History(history_bytes, last_seq, newest)
        self.turns = Turns(known.turns, known.ended)
        self.questions = Questions(known.session_id, known.questions, known.untold)
        self.choices = Choices(known.choices)
        self.carriage = known.carriage
        self.automated = known.automated
        self.user = known.user
        self.attachments: dict[str, Attachment] = {}
        self.driver = ""
        self.clock = TurnClock()
        self.times = TurnTimes(OF_A_SESSION, known.took)
        self.reader: StatusReader | None = None
        LIVING.add(self)
        self.stream = SessionStream(
            stream_name,
            writer,
            lease,
            describe=self._describe,
            show=self._show,
            lost=lambda error: lost(self, error),
            last_seq=last_seq,
        )
        note = b'{"worker":"%s","fence":%d}' % (lease.placement.worker.encode(), lease.fence)
        self.stream.append(EventKind.ACTIVATED, note)
        self.stream.save()

    # ------------------------------------------------------------------ from the agent

    def show_update(self, frame: bytes) -> None:
        """A notification of the agent that names this session."""
        if self.replay is not None:
            new = self.replay.new_part(frame)
            if new is None:
                return
            frame = new
        message = rewrite.forward_update(frame, self.agent_id, self.session_id, self.stream.last_seq + 1)
        self.stream.append(EventKind.UPDATE, message)
        self.clock.update(self.stream)
        if _NOTED in frame:
            self._take_note(frame)

    def show_plain_update(self, update: UpdateParams, frame: bytes) -> None:
        """``show_update`` for one that has been read, while nothing is replayed."""
        stream = self.stream
        message = rewrite.write_update(update, self.session_id, stream.last_seq + 1)
        stream.append(EventKind.UPDATE, message)
        self.clock.update(stream)
        if _NOTED in frame:
            self._take_note(frame)

    def show_unscoped(self, frame: bytes) -> None:
        """A notification of the agent without a session, for whoever is attached."""
        self.stream.append(EventKind.UPDATE, frame)

    def ask(self, request: Envelope) -> Question:
        """A request of the agent. Files and terminals are asked of the client that prompted last.

        Raises MailboxFullError where 256 of them are open.
        """
        assert request.method is not None
        question_id = self.questions.next_id()
        message = rewrite.with_id(request, question_id)
        if request.session_id is not None:
            message = rewrite.with_session(message, self.agent_id, self.session_id)
        shared = is_shared(request.method)
        asked = "" if shared else self._driver()
        seq = self.stream.last_seq + 1
        question = Question(question_id, request.raw_id, request.method, message, seq, asked)
        self.questions.add(question)
        audience = asked if shared or asked else NOBODY
        self.stream.append(EventKind.QUESTION, message, audience, self._hand_over)
        self.stream.save()
        return question

    def withdraw(self, agent_id: bytes) -> bool:
        """The agent cancelled its own request: tell the clients that were asked. False if there is none."""
        question = self.questions.withdraw(agent_id)
        if question is None:
            return False
        self.decided(question, DecisionState.WITHDRAWN)
        return True

    def void_stored(self, asked: OpenQuestion) -> None:
        """A question that was open in another process: the agent that asked it is gone."""
        self.decided(Question(asked.question_id, b"", asked.method, b"", 0, asked.asked), DecisionState.VOID)

    # ------------------------------------------------------------------ to the clients

    def decided(
        self,
        question: Question,
        state: DecisionState,
        by: str = "",
        outcome: msgspec.Raw | None = None,
        then: Then | None = None,
    ) -> None:
        """A question is settled, once: who else was asked is told, and the journal what was decided."""
        about: dict[str, object] = {"state": state.value}
        told = all_but(by) if by else ""
        if not question.is_shared:
            told = question.asked if question.asked and state is not DecisionState.ANSWERED else NOBODY
        if outcome is not None and question.is_shared:
            about["outcome"] = outcome
        params = {"requestId": question.question_id, "_meta": {"lumilink": about}}
        self.stream.append(EventKind.DECISION, compose.notification("$/cancel_request", params), told, then)
        self.stream.save()

    def begin_turn(self, turn: Turn, prompt: list[msgspec.Raw], then: Then) -> None:
        """A prompt's turn has come: it enters the conversation. ``then`` follows once that is committed."""
        asker = turn.askers[-1]
        number = self.turns.begin(turn)
        at = now_iso()
        note = {
            "turn": number,
            "promptId": turn.prompt_id,
            "client": asker.client,
            "requestId": msgspec.Raw(asker.request_id),
            "at": at,
        }
        stream = self.stream
        self.driver = asker.client
        self.clock.begin(at)
        stream.append(
            EventKind.TURN_STARTED, msgspec.json.encode(note), asker.client, None if prompt else then
        )
        for left, block in zip(range(len(prompt) - 1, -1, -1), prompt, strict=True):
            update = {"sessionUpdate": "user_message_chunk", "content": block}
            message = compose.notification("session/update", {"sessionId": self.session_id, "update": update})
            message = rewrite.with_cursor(message, stream.last_seq + 1)
            stream.append(EventKind.PROMPT, message, asker.client, None if left else then)
        stream.save()

    def answer_turn(self, turn: Turn, answered: Answered, then: Then) -> None:
        """Its agent has ended a turn, whose end waits for automation. ``then`` follows once that is known."""
        turn.answered = answered
        self.stream.append(EventKind.ANSWERED, answered.outcome.note(turn.number), turn.first.client, then)
        self.stream.save()

    def end_turn(self, turn: Turn, outcome: Outcome) -> None:
        """A turn that had begun is over: all that asked for it are told, once that is committed."""
        seq = self.stream.last_seq + 1
        self.turns.note_end(turn, seq)
        took_s = self.clock.elapsed_s
        if took_s is not None and outcome.end is TurnEnd.COMPLETED:
            self.times.note(took_s)
        self.clock.end(outcome.end)
        askers = tuple(turn.askers)
        self.touch()
        self.stream.append(
            EventKind.TURN_ENDED,
            outcome.note(turn.number),
            turn.first.client,
            lambda: self.tell_outcome(askers, outcome, seq),
        )
        self.stream.save()

    def tell_outcome(self, askers: tuple[Asker, ...], outcome: Outcome, after_seq: int | None = None) -> None:
        """Answer a prompt, for each that asked and is there; as ``answer``."""
        for asker in askers:
            self.answer(asker, outcome.frame(asker.request_id), after_seq)

    def answer(self, asker: Asker, message: bytes, after_seq: int | None = None) -> None:
        """The answer to a request, told after event ``after_seq``, or after all that came before it.

        Who has left meanwhile is told nothing: its requests ended with its view.
        """
        attachment = self.attachments.get(asker.client)
        if attachment is not None:
            after = self.stream.last_seq if after_seq is None else after_seq
            attachment.say(asker.request_id, message, after)

    def notice(self, of: Notice, **more: object) -> None:
        """Tell everyone who is there, and keep it in the conversation: the one source of its transcript
        entry and its live event, too. ``more`` is for programs.
        """
        message = notices.frame(self.session_id, of, more)
        self.stream.append(EventKind.NOTICE, rewrite.with_cursor(message, self.stream.last_seq + 1))

    def tell_automation(self, seq: int, of: Notice, more: dict[str, object]) -> None:
        """A notice of entry ``seq`` of the automations, once: the record that says so is written with it."""
        self.automated = seq
        self.notice(of, **more)
        self.stream.save()

    def note(self, kind: EventKind, about: dict[str, object]) -> None:
        """Keep what is shown to nobody: a CONNECTION or PROTOCOL event."""
        self.stream.append(kind, msgspec.json.encode(about))

    def journal_away(self, *, away: bool) -> None:
        """Tell everyone who is there why nothing moves. It cannot be an event: the journal takes none."""
        of = notices.notice(NoticeKind.JOURNAL_AWAY if away else NoticeKind.JOURNAL_BACK)
        message = notices.frame(self.session_id, of, {})
        for attachment in self.attachments.values():
            attachment.say(b"", message, self.history.last_seq)

    def attach(self, attachment: Attachment, after_seq: int, *, again: bool = False) -> None:
        """Show a client what came after ``after_seq`` and, from now on, what happens.

        ``again``: its connection had a view already, and has been asked what was asked until then.
        """
        old = self.attachments.get(attachment.client)
        if old is not None and old is not attachment:
            old.give_way()
        self.attachments[attachment.client] = attachment
        if not self.driver and attachment.role is Role.DRIVER:
            self.driver = attachment.client
        attachment.start(after_seq, after_seq + 1 if again else self.history.last_seq + 1)

    def ask_again(self, attachment: Attachment, up_to: int) -> None:
        """Put every open question of before event ``up_to`` to a client that has just attached."""
        for question in self.questions.open():
            asked = question.is_shared or (
                question.asked == attachment.client and self._drives(attachment.client)
            )
            if asked and question.seq <= up_to:
                attachment.say(b"", question.message, self.history.last_seq)
        self._hand_over()

    def detach(self, attachment: Attachment) -> None:
        """Forget a client. What it alone was asked is asked of the driver that follows it, if any."""
        if self.attachments.get(attachment.client) is attachment:
            del self.attachments[attachment.client]
            self._hand_over()

    def drop_gone(self) -> None:
        """Detach whoever has left without a word."""
        for attachment in [one for one in self.attachments.values() if one.gone]:
            self.detach(attachment)

    def end_attachments(self, error: errors.LumiLinkError) -> None:
        """The session is over here: tell every client why."""
        attachments, self.attachments = self.attachments, {}
        for attachment in attachments.values():
            attachment.end(error)

    def release(self) -> None:
        """It is unloaded: let go of what refers back to it, so that its memory is free at once."""
        LIVING.discard(self)
        self.reader = None
        self.stream.release()

    @property
    def turn_state(self) -> TurnState:
        """Whether a turn runs, and whether it waits for a person."""
        if self.turns.running is None:
            return TurnState.IDLE
        return TurnState.WAITING if len(self.questions) else TurnState.RUNNING

    def summary(self, connection: dict[str, object]) -> SessionSummary:
        """What lists and the topology show, and of its link to the agent."""
        return SessionSummary(
            self.session_id,
            self.installation,
            self.workspace_id,
            self.cwd,
            self.title,
            self.updated_at,
            len(self.attachments),
            dict(Counter(attachment.role.value for attachment in self.attachments.values())),
            self.turn_state.value,
            connection=connection,
        )

    # ------------------------------------------------------------------ within

    def surround(self, surroundings: bytes, sealer: Sealer) -> None:
        """A client says the session's MCP servers and directories anew, for when the agent loads it."""
        if surroundings != self.surroundings:
            self.surroundings, self.sealed = surroundings, sealer.seal(surroundings)
            self.stream.save()

    def touch(self) -> None:
        """Note that a client or a turn used the session now."""
        self.updated_at = now_iso()

    def _show(self, events: Sequence[Event]) -> None:
        self.history.extend(events)
        for attachment in self.attachments.values():
            attachment.offer(events)
        if self.reader is not None:
            self.reader.take(events)

    def _describe(self) -> bytes:
        running = self.turns.running
        open_turn = None
        if running is not None and running.number:
            first = running.askers[-1]
            answered = b"" if running.answered is None else running.answered.packed()
            open_turn = OpenTurn(running.number, running.prompt_id, first.client, first.request_id, answered)
        return record.encode(
            SessionRecord(
                self.installation,
                self.workspace_id,
                self.session_id,
                self.agent_id,
                self.cwd,
                self.setup,
                self.initialize,
                self.sealed,
                self.title,
                self.updated_at,
                self.closed,
                self.cut_off,
                self.turns.count,
                self.questions.count,
                open_turn,
                self.turns.ended,
                tuple(OpenQuestion(one.question_id, one.method, one.asked) for one in self.questions.open()),
                tuple(self.choices),
                self.questions.untold_answers(),
                self.carriage,
                self.user,
                self.automated,
                self.times.turns,
            )
        )

    def _take_note(self, update: bytes) -> None:
        """What some updates say is in the record, too."""
        if b'"session_info_update"' in update:
            self.title = title_of(update, self.title)
            self.stream.save()
        elif self.replay is None and self.choices.follow(update):
            self.stream.save()

    def _drives(self, client: str) -> bool:
        """Whether a client is there, and more than an observer."""
        attachment = self.attachments.get(client)
        return attachment is not None and attachment.role is Role.DRIVER

    def _driver(self) -> str:
        if not self._drives(self.driver):
            self.driver = next((client for client in reversed(self.attachments) if self._drives(client)), "")
        return self.driver

    def _hand_over(self) -> None:
        """Ask the driver what was asked of a client that is no longer there, or of nobody."""
        driver = self.attachments.get(self._driver())
        if driver is None:
            return
        for question in self.questions.open():
            shown = question.seq <= self.history.last_seq
            if not question.is_shared and not self._drives(question.asked) and shown:
                question.asked = driver.client
                driver.say(b"", question.message, self.history.last_seq)
