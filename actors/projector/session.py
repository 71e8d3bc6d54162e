"""A session's stream, as records: one entry after the other, from where the last page ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct
from pydantic import JsonValue

from actors.analytics.happening import Happened
from actors.connection.events import EventKind
from actors.journal.contract import Entry
from actors.projector import connections, live, metrics
from actors.projector.derived import POISON, Derived, identifier, moment, note_in
from actors.projector.facts import SessionFacts
from actors.projector.folding import Fold, Said, said_in
from actors.projector.messages import Sender, parsed
from actors.projector.notices import transcript_entry
from actors.projector.state import MOST_ASKED, ConnectionView, SessionState
from actors.projector.streams import Address
from actors.projector.versions import upcast
from actors.records import How
from actors.records.models import (
    ConnectionStatus,
    ContainerSession,
    Direction,
    MessageType,
    Protocol,
)

ACTIVE_EVERY_MS: Final = 30_000
"""How often the record of a connection says anew when it was active last, while nothing else changes."""
_FAILED: Final = frozenset({"failed", "interrupted", "never-started"})
_SHAKING_HANDS: Final = frozenset({ConnectionStatus.CONNECTING.value, ConnectionStatus.RECONNECTING.value})
_FOLDED: Final = {EventKind.UPDATE.value: "", EventKind.PROMPT.value: "client"}
_FROM_AGENT: Final = frozenset({EventKind.UPDATE.value, EventKind.QUESTION.value})
"""What the agent itself has said: whenever that is, it lives."""
PROTOCOL: Final = "protocol"


class _Started(Struct):
    turn: int


class _Ended(Struct):
    turn: int
    outcome: str


class _Carried(Struct):
    to: str
    trigger: str = ""


class SessionProjection:
    """Of one session. ``applied`` is the seq up to which everything is in ``state`` already."""

    def __init__(self, address: Address, epoch: str, state: SessionState, facts: SessionFacts) -> None:
        self.address = address
        self.epoch = epoch
        self.state = state
        self._facts = facts
        self._fold: Fold | None = None
        self._fold_written = 0
        self._carried_otherwise = False
        self._handlers: dict[str, Callable[[Entry, bytes, Derived], None]] = {
            EventKind.QUESTION.value: self._question,
            EventKind.DECISION.value: self._decision,
            EventKind.TURN_STARTED.value: self._turn_started,
            EventKind.TURN_ENDED.value: self._turn_ended,
            EventKind.NOTICE.value: self._notice,
            live.CONNECTION: self._connection_changed,
            PROTOCOL: self._protocol_changed,
        }

    def project(self, entries: Sequence[Entry], applied: int, tell_after: int, derived: Derived) -> None:
        """Derive from entries that follow on each other; of those up to ``applied`` only what goes on.

        Live events are made of entries that are not older than ``tell_after``, epoch milliseconds.
        """
        for entry in entries:
            if entry.kind in _FOLDED:
                self._said(entry, applied, derived)
            elif entry.seq > applied:
                self._close(derived)
                self._tick(entry, derived)
                self._attempt(entry, partial(self._handle, entry, derived), derived)
                derived.moments.append(entry.at)
            if entry.at >= tell_after and entry.seq > self.state.told:
                self._tell(entry, derived)

    def finish(self, facts: SessionFacts | None, seq: int, derived: Derived) -> None:
        """After the last entry of a page: what the session's record tells, if it was read."""
        state = self.state
        if facts is not None:
            self._facts = facts
            if facts.closed and not state.closed:
                as_of = Entry(self.address.stream, seq, "record", b"", max(state.last_at, facts.updated_at))
                self._note(as_of, Happened.SESSION_CLOSED, {"protocol": state.protocol}, derived)
            state.closed = facts.closed
        if (facts is not None and facts.mark != state.meta_mark) or self._carried_otherwise:
            self._put_session(seq, derived)
            state.meta_mark = self._facts.mark
            self._carried_otherwise = False

    def flush(self, seq: int, derived: Derived) -> None:
        """Nothing came for a while: write what goes on as it is, and what was counted."""
        fold = self._fold
        if fold is not None and fold.last_seq > self._fold_written:
            self._put_fold(fold, derived, is_whole=False)
        metrics.close_minute(self.state, self.address.installation, self._workspace, seq, derived)

    @property
    def has_waiting(self) -> bool:
        """Whether ``flush`` would write a message."""
        return self._fold is not None and self._fold.last_seq > self._fold_written

    @property
    def has_counted(self) -> bool:
        """Whether ``flush`` would write what was counted."""
        return bool(self.state.counts)

    def break_off(self, derived: Derived) -> None:
        """What follows does not join on: entries between were trimmed."""
        self._close(derived)

    # ------------------------------------------------------------------ what an agent and clients say

    def _said(self, entry: Entry, applied: int, derived: Derived) -> None:
        if entry.seq <= applied and not 0 < self.state.fold_from <= entry.seq:
            return
        try:
            said, message = _message_in(entry)
        except POISON as error:
            derived.set_aside(entry, error)
            return
        fold = self._fold
        if fold is None or not fold.takes(said, entry.at):
            is_cut = self.state.fold_is_cut if entry.seq <= applied else False
            if fold is not None:
                is_cut = fold.is_full and fold.key == said.key
                self._close(derived)
            self._fold = fold = Fold(said, entry, is_cut=is_cut)
            self.state.fold_from, self.state.fold_is_cut = entry.seq, is_cut
        fold.add(said, entry, message)
        if entry.seq > applied:
            self._tick(entry, derived)
            fold.moments.append(entry.at)

    def _close(self, derived: Derived) -> None:
        """The message that goes on is complete."""
        fold, self._fold = self._fold, None
        if fold is not None:
            self._put_fold(fold, derived, is_whole=not fold.is_full)
            self.state.fold_from, self.state.fold_is_cut = 0, False

    def _put_fold(self, fold: Fold, derived: Derived, *, is_whole: bool) -> None:
        def put() -> None:
            message = self._sender(fold.first, derived).folded(fold, is_whole=is_whole)
            derived.put(fold.last_seq, message)

        self._attempt(fold.first, put, derived)
        derived.moments += fold.take_moments()
        self._fold_written = fold.last_seq

    # ------------------------------------------------------------------ everything else

    def _handle(self, entry: Entry, derived: Derived) -> None:
        kind, payload = upcast(entry.kind, entry.payload)
        handler = self._handlers.get(kind)
        if handler is not None:
            handler(entry, note_in(payload), derived)

    def _question(self, entry: Entry, message: bytes, derived: Derived) -> None:
        asked = parsed(message)
        sender = self._sender(entry, derived)
        derived.put(entry.seq, sender.message(entry, Direction.INBOUND, MessageType.COMMAND, asked))
        if len(self.state.asked) < MOST_ASKED:
            self.state.asked[str(asked.get("id"))] = entry.at

    def _decision(self, entry: Entry, message: bytes, derived: Derived) -> None:
        told = parsed(message)
        params = told.get("params")
        question_id = str(params.get("requestId")) if isinstance(params, dict) else ""
        asked_at = self.state.asked.pop(question_id, None)
        took = None if asked_at is None else float(max(0, entry.at - asked_at))
        sender = self._sender(entry, derived)
        derived.put(
            entry.seq,
            sender.message(entry, Direction.OUTBOUND, MessageType.COMMAND, told, processing_time=took),
        )

    def _turn_started(self, entry: Entry, message: bytes, _derived: Derived) -> None:
        self.state.turn = msgspec.json.decode(message, type=_Started).turn
        self.state.turn_at = entry.at

    def _turn_ended(self, entry: Entry, message: bytes, derived: Derived) -> None:
        ended, told, state = msgspec.json.decode(message, type=_Ended), parsed(message), self.state
        is_known = state.turn == ended.turn and state.turn_at > 0
        took = float(max(0, entry.at - state.turn_at)) if is_known else None
        failed = ended.outcome in _FAILED
        derived.put(
            entry.seq,
            self._sender(entry, derived).message(
                entry,
                Direction.INBOUND,
                MessageType.STATUS,
                told,
                processing_time=took,
                error=_error_in(told),
                failed=failed,
            ),
        )
        metrics.count(state, metrics.TURNS, entry.at)
        metrics.count(state, metrics.FAILED_TURNS, entry.at, float(failed))
        metrics.count(state, metrics.TURN_MS, entry.at, took or 0.0)
        about: dict[str, JsonValue] = {
            "turn": ended.turn,
            "outcome": ended.outcome,
            "failed": failed,
            "durationMs": took,
            "protocol": state.protocol,
        }
        self._note(entry, Happened.TURN_ENDED, about, derived)
        self._put_connection(entry, derived)

    def _notice(self, entry: Entry, message: bytes, derived: Derived) -> None:
        told = parsed(message)
        sender = self._sender(entry, derived)
        derived.put(entry.seq, transcript_entry(self.address, self.epoch, entry, told, sender.tidy))
        derived.put(entry.seq, sender.message(entry, Direction.OUTBOUND, MessageType.EVENT, told))

    def _connection_changed(self, entry: Entry, message: bytes, derived: Derived) -> None:
        told = connections.told_in(message, self._facts.tidy)
        state = self.state
        connection_id = identifier(told.connection_id)
        view = state.connection
        if (
            view is None
            or view.connection_id != connection_id
            or (told.container_id and view.container_id != identifier(told.container_id))
        ):
            container_id = identifier(told.container_id) if told.container_id else self._container_id
            view = state.connection = ConnectionView(connection_id, container_id, entry.at, entry.at)
        connections.follow(view, told, entry)
        if told.protocol and told.protocol != state.protocol:
            self._carry_by(told.protocol)
        self._count_connection(told, entry, derived)
        self._carried_otherwise |= view.recorded_at == 0
        self._put_connection(entry, derived, with_container=True)
        changed = connections.transition_record(
            self.address.installation, self._workspace, self.epoch, told, view, entry
        )
        if changed is not None:
            derived.put(entry.seq, changed)
        sender = self._sender(entry, derived)
        kind, data = connections.message_type(told), parsed(message)
        derived.put(entry.seq, sender.message(entry, Direction.INBOUND, kind, data))

    def _count_connection(self, told: connections.Told, entry: Entry, derived: Derived) -> None:
        state = self.state
        metrics.follow_connection(state, told.to, entry.at)
        if told.from_ in _SHAKING_HANDS and told.to == ConnectionStatus.CONNECTED:
            metrics.count(state, metrics.HANDSHAKES, entry.at)
        elif told.from_ in _SHAKING_HANDS and told.to == ConnectionStatus.ERROR:
            metrics.count(state, metrics.FAILED_HANDSHAKES, entry.at)
        about: dict[str, JsonValue] = {
            "connectionId": identifier(told.connection_id),
            "from": told.from_,
            "to": told.to,
            "protocol": told.protocol or state.protocol,
            "protocolVersion": told.protocol_version,
            "errorCode": told.error_code,
            "errorCategory": told.error_category,
        }
        self._note(entry, Happened.CONNECTION_CHANGED, about, derived)

    def _protocol_changed(self, entry: Entry, message: bytes, derived: Derived) -> None:
        carried = msgspec.json.decode(message, type=_Carried)
        to = Protocol(carried.to).value
        about: dict[str, JsonValue] = {"from": self.state.protocol, "to": to, "trigger": carried.trigger}
        self._note(entry, Happened.PROTOCOL_CHANGED, about, derived)
        if carried.trigger == "fallback":
            metrics.count(self.state, metrics.FALLBACKS, entry.at)
        self._carry_by(to)
        self._put_connection(entry, derived, with_container=True)
        sender = self._sender(entry, derived)
        derived.put(entry.seq, sender.message(entry, Direction.OUTBOUND, MessageType.STATUS, parsed(message)))

    # ------------------------------------------------------------------ within

    def _attempt(self, entry: Entry, derive: Callable[[], None], derived: Derived) -> None:
        """``Derived.attempt``; a record of the connection that was taken back with the rest is made again."""
        aside = len(derived.aside)
        derived.attempt(entry, derive)
        if len(derived.aside) > aside and self.state.connection is not None:
            self.state.connection.recorded_at = 0

    def _tell(self, entry: Entry, derived: Derived) -> None:
        if entry.kind.partition("@")[0] not in live.SESSION_KINDS:
            return

        def tell() -> None:
            kind, payload = upcast(entry.kind, entry.payload)
            event = live.session_event(self.address, self.epoch, self._facts, entry, kind, payload)
            if event is not None:
                derived.events.append(event)

        # What cannot be told was set aside as its record was made.
        aside = len(derived.aside)
        derived.attempt(entry, tell)
        del derived.aside[aside:]

    def _tick(self, entry: Entry, derived: Derived) -> None:
        """What every entry says, whatever it is: that the session lives."""
        state = self.state
        minute = entry.at // metrics.MINUTE_MS
        if minute != state.minute:
            metrics.end_minute(state)
            metrics.close_minute(state, self.address.installation, self._workspace, entry.seq, derived)
            state.minute = minute
            metrics.count(state, metrics.USED_MS, entry.at, float(metrics.MINUTE_MS))
        metrics.count(state, metrics.MESSAGES, entry.at)
        if not state.created_at:
            state.created_at = entry.at
            self._note(entry, Happened.SESSION_STARTED, {}, derived)
        state.last_at = max(state.last_at, entry.at)
        view = state.connection
        if view is not None:
            view.last_active = max(view.last_active, entry.at)
            if entry.kind.partition("@")[0] in _FROM_AGENT:
                view.last_heartbeat = max(view.last_heartbeat or 0, entry.at)
            if view.recorded_at and entry.at - view.recorded_at >= ACTIVE_EVERY_MS:
                self._put_connection(entry, derived)

    def _note(self, entry: Entry, what: Happened, about: dict[str, JsonValue], derived: Derived) -> None:
        derived.note(entry, what, about, self._workspace, identifier(self.address.name))

    def _carry_by(self, protocol: str) -> None:
        self.state.protocol = protocol
        self._carried_otherwise = True

    @property
    def _workspace(self) -> str:
        return identifier(self._facts.workspace_id)

    @property
    def _container_id(self) -> str:
        return identifier(self._facts.container_id or f"of-{self.address.name}")

    def _known_connection(self, at: int) -> ConnectionView:
        state, facts = self.state, self._facts
        if state.connection is None:
            connection_id = identifier(facts.connection_id or f"conn_{self.address.name}")
            state.connection = ConnectionView(connection_id, self._container_id, at, at)
        return state.connection

    def _put_connection(self, entry: Entry, derived: Derived, *, with_container: bool = False) -> None:
        """The connection as it stands, after the container that it leads to if that may be another."""
        view, state = self._known_connection(entry.at), self.state
        installation, workspace_id = self.address.installation, self._workspace
        if with_container or not view.recorded_at:
            container = connections.container_record(
                installation, workspace_id, view.container_id, {state.protocol}, state.protocol, entry.at
            )
            derived.put(entry.seq, container, How.UNITE)
        record = connections.connection_record(
            installation, workspace_id, self.address.stream, view, state.protocol
        )
        derived.put(entry.seq, record, How.NEWEST)
        view.recorded_at = entry.at

    def _sender(self, entry: Entry, derived: Derived) -> Sender:
        """Who messages are of; a message needs the record of its connection."""
        view = self._known_connection(entry.at)
        if not view.recorded_at:
            self._put_connection(entry, derived)
        address, facts = self.address, self._facts
        return Sender(
            address.installation, address.stream, self.epoch, address.name, view.connection_id, facts.tidy
        )

    def _put_session(self, seq: int, derived: Derived) -> None:
        state, facts = self.state, self._facts
        at = state.created_at or facts.updated_at
        as_of = Entry(self.address.stream, seq, "record", b"", max(at, state.last_at))
        self._attempt(
            as_of, partial(self._session_record, as_of, max(at, facts.updated_at), derived), derived
        )

    def _session_record(self, entry: Entry, updated_at: int, derived: Derived) -> None:
        state, facts = self.state, self._facts
        self._sender(entry, derived)
        view = self._known_connection(entry.at)
        created = state.created_at or updated_at
        record = ContainerSession(
            installation_id=self.address.installation,
            session_id=identifier(self.address.name),
            container_id=view.container_id,
            workspace_id=self._workspace,
            protocol_type=Protocol(state.protocol),
            fallback_enabled=facts.fallback_enabled,
            acp_connection_id=view.connection_id,
            protocol_metadata=facts.tidy.json({"title": facts.title, "cwd": facts.cwd}),
            created_at=moment(created),
            updated_at=moment(updated_at),
            closed_at=moment(updated_at) if facts.closed else None,
            user_id=identifier(facts.user) if facts.user else None,
        )
        derived.put(entry.seq, record)


def _message_in(entry: Entry) -> tuple[Said, bytes]:
    kind, payload = upcast(entry.kind, entry.payload)
    source = _FOLDED[kind]
    message = note_in(payload) if source else payload
    return said_in(message, source), message


def _error_in(told: object) -> str | None:
    answer = told.get("answer") if isinstance(told, dict) else None
    error = answer.get("error") if isinstance(answer, dict) else None
    return str(error.get("message", "")) if isinstance(error, dict) else None
