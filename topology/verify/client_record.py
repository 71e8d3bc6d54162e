"""What clients say of a history: a record of all that they were shown, asked and answered.

A record is a file of JSON lines, one a thing that happened, in the client's order. ``client`` is a name of
the program that looks on; it may come back on many connections::

    {"event": "attached", "client": "c", "session": "s", "connection": "conn-1", "after": 0}
    {"event": "reset", "client": "c", "session": "s", "first": 12}
    {"event": "received", "client": "c", "session": "s", "seq": 3, "crc": 3735928559}
    {"event": "prompted", "client": "c", "session": "s", "promptId": "p-1", "request": "7"}
    {"event": "answered", "client": "c", "session": "s", "promptId": "p-1", "request": "7", "answer": {…}}
    {"event": "detached", "client": "c", "session": "s"}

``attached`` begins a view after the cursor ``after``, on the connection whose ``Acp-Connection-Id`` is
``connection``; ``reset`` says that what came before ``first`` is gone. ``received`` is a ``session/update``;
``crc`` is the CRC-32 of the whole message, 0 where it was not taken. ``request`` is the id of the request, a
new one for each in a client's life. ``answer`` holds the ``result`` or the ``error``. A line may say when it
was written (``at``, epoch milliseconds), for whoever reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from topology.verify.record_lines import read_lines


class ClientLine(Struct, rename="camel", omit_defaults=True):
    """A line of a client's record."""

    event: str
    client: str
    session: str
    connection: str = ""
    after: int = 0
    first: int = 0
    seq: int = 0
    crc: int = 0
    prompt_id: str = ""
    request: str = ""
    answer: dict[str, object] | None = None
    at: int = 0


_decoder: Final = msgspec.json.Decoder(ClientLine)


class Answer(Struct, frozen=True):
    """An answer to a prompt. ``shown`` counts what its view had shown by then; None if there was no view."""

    prompt_id: str
    request: str
    answer: dict[str, object]
    shown: int | None = None


@dataclass
class View:
    """What one view showed: seqs, each with the CRC of its message."""

    client: str
    connection: str
    after: int
    received: list[tuple[int, int]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)


@dataclass
class ClientSession:
    """What the clients' records have of one session. ``prompts`` are the clients' names and ``promptId``s."""

    views: list[View] = field(default_factory=list)
    prompts: dict[str, str] = field(default_factory=dict)
    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)


class ClientRecords:
    """The records of all clients, by session."""

    def __init__(self, lines: Iterable[ClientLine] = ()) -> None:
        self.sessions: dict[str, ClientSession] = {}
        self.received = 0
        self._views: dict[tuple[str, str], View] = {}
        for line in lines:
            self._take(line)

    @classmethod
    def read(cls, paths: Iterable[Path]) -> ClientRecords:
        """Read files. Raises SettingsError."""
        return cls(line for path in paths for line in read_lines(path, _decoder))

    def of(self, session: str) -> ClientSession:
        """What the records have of a session; nothing, if no client had it."""
        return self.sessions.get(session, ClientSession())

    def _take(self, line: ClientLine) -> None:
        session = self.sessions.setdefault(line.session, ClientSession())
        key = (line.client, line.session)
        view = self._views.get(key)
        match line.event:
            case "attached":
                self._views[key] = View(line.client, line.connection, line.after)
                session.views.append(self._views[key])
            case "detached":
                self._views.pop(key, None)
            case "prompted":
                session.prompts[line.prompt_id] = line.client
            case "answered":
                self._answered(session, view, line)
            case "received" if view is not None:
                view.received.append((line.seq, line.crc))
                self.received += 1
            case "reset" if view is not None:
                view.after = max(view.after, line.first - 1)

    def _answered(self, session: ClientSession, view: View | None, line: ClientLine) -> None:
        shown = None if view is None else len(view.received)
        answer = Answer(line.prompt_id, line.request, line.answer or {}, shown)
        session.answers.setdefault((line.client, line.request), []).append(answer)
        if view is not None:
            view.answers.append(answer)
