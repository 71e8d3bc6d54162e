"""Where sessions are kept: made in the journal, found there, and taken up again from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from actors import errors
from actors.connection import record
from actors.connection.events import Event, from_entry
from actors.connection.messages import SessionSummary
from actors.connection.recall import Recall
from actors.connection.record import SessionRecord
from actors.connection.sealing import Sealer
from actors.connection.session import Session
from actors.connection.stream import Writer
from actors.journal.contract import Head, Journal
from actors.placement.leases import Lease
from actors.protocol import surroundings

LIST_AT_ONCE = 1000
NEWEST_EVENTS = 16
"""What most clients that come back have missed: with it, nobody reads on in the journal for them."""
NEWEST_BYTES = 32 * 1024

OnLost = Callable[[Session, errors.LumiLinkError], None]


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as the journal has it, where its stream stands, and its newest events, if they are small."""

    record: SessionRecord
    head: Head
    newest: tuple[Event, ...] = ()


class SessionStore:
    """The sessions of all tenants in one journal, for one worker."""

    def __init__(self, journal: Journal, writer: Writer, sealer: Sealer, history_bytes: int) -> None:
        self.recall = Recall(journal)
        self.writer = writer
        self.sealer = sealer
        self._journal = journal
        self._history_bytes = history_bytes

    def begin(self, begun: SessionRecord, around: bytes, lease: Lease, lost: OnLost) -> Session:
        """A session that is new."""
        return Session(
            begun,
            _stream_of(begun.installation, begun.session_id),
            self.writer,
            lease,
            lost,
            surroundings=around,
            history_bytes=self._history_bytes,
        )

    async def find(self, installation: str, session_id: str) -> StoredSession:
        """A session that may be taken up again.

        Raises SessionNotFoundError, also for one that was closed; JournalUnavailableError.
        """
        stream = _stream_of(installation, session_id)
        kept = await self._journal.newest(stream, NEWEST_EVENTS, NEWEST_BYTES)
        if kept is None:
            raise errors.SessionNotFoundError(f"no session {session_id}")
        head, entries = kept
        found = record.decode(head.meta)
        if found.closed:
            raise errors.SessionNotFoundError(f"session {session_id} was closed")
        return StoredSession(found, head, tuple(from_entry(entry) for entry in entries))

    def restore(self, stored: StoredSession, lease: Lease, lost: OnLost) -> Session:
        """Take a session up where the journal has it."""
        head = stored.head
        return Session(
            stored.record,
            head.stream,
            self.writer,
            lease,
            lost,
            surroundings=self.sealer.unseal(stored.record.sealed) or surroundings.NONE,
            history_bytes=self._history_bytes,
            last_seq=head.last_seq,
            newest=stored.newest,
        )

    async def list(self, installation: str) -> Sequence[SessionRecord]:
        """The records of all sessions of a tenant that can be loaded."""
        found: list[SessionRecord] = []
        prefix, after = _stream_of(installation, ""), ""
        while True:
            heads = await self._journal.heads(prefix, after, LIST_AT_ONCE)
            known = [record.decode(head.meta) for head in heads if head.meta is not None]
            found += [one for one in known if not one.closed]
            if len(heads) < LIST_AT_ONCE:
                return found
            after = heads[-1].stream


def _stream_of(installation: str, session_id: str) -> str:
    # Quoted, so that no tenant's name reaches into another's streams.
    return f"{quote(installation, safe='')}/{session_id}"


def summary_of(stored: SessionRecord) -> SessionSummary:
    """How a list shows a session that nobody holds."""
    return SessionSummary(
        stored.session_id,
        stored.installation,
        stored.workspace_id,
        stored.cwd,
        stored.title,
        stored.updated_at,
        attachments=0,
        roles={},
        turn="idle",
        loaded=False,
    )
