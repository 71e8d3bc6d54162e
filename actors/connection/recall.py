"""Reading a session's past from its journal: what its history in memory does not have any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from msgspec import Struct, field

from actors import errors
from actors.connection.attaching import start_over
from actors.connection.attachment import Attachment
from actors.connection.events import Event, EventKind, from_entry
from actors.connection.recount import Recount
from actors.connection.session import Session
from actors.connection.turns import Outcome, outcome_of
from actors.journal.contract import Journal, Page
from actors.protocol.agent_protocol import AgentProtocol

PAGE_EVENTS = 512
PAGE_BYTES = 256 * 1024
PAGES_AT_ONCE = 4
RECOUNTED_EVENTS = 20_000
"""So many of the newest events are looked at for what an agent has not heard."""


class Recall:
    """Reads pages of streams. Every method raises JournalUnavailableError while the store is away."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._reading: set[Attachment] = set()
        # Hundreds of views may fall behind at once, and each page takes a quarter of a megabyte.
        self._turns = asyncio.Semaphore(PAGES_AT_ONCE)

    async def show_past(self, session: Session, attachment: Attachment) -> None:
        """Show a view that has fallen behind the history what it has room for.

        It goes on when the client has taken that. A second call for a view that is being read for is nothing.
        """
        if attachment in self._reading:
            return
        self._reading.add(attachment)
        try:
            while attachment.has_room and not attachment.catch_up(session.history):
                async with self._turns:
                    await self._show_page(session, attachment)
        except errors.LumiLinkError as error:
            attachment.end(error)
        finally:
            self._reading.discard(attachment)

    async def _show_page(self, session: Session, attachment: Attachment) -> None:
        after = attachment.position
        page = await self._page(session, after)
        if attachment.gone or attachment.position != after:
            return
        if page.gap:
            start_over(session, attachment, _first_seq(page.first_kept, session))
        else:
            attachment.show([from_entry(entry) for entry in page.entries])

    async def first_seq(self, session: Session) -> int:
        """The oldest event of a session that can still be shown."""
        async with self._turns:
            head = await self._journal.head(session.stream.name)
        return _first_seq(head.first_kept if head is not None else 1, session)

    async def outcome(self, session: Session, seq: int) -> Outcome:
        """What came of the turn whose end is event ``seq``."""
        page = await self._journal.read(session.stream.name, seq - 1, limit_entries=1)
        if page.gap or not page.entries:
            raise errors.SessionNotFoundError("the outcome of this prompt is no longer kept")
        return outcome_of(from_entry(page.entries[0]).message)

    async def conversation(self, session: Session, over: AgentProtocol) -> list[bytes]:
        """All updates and prompts that are committed and kept, in order, of the times when ``over`` carried
        the session: what its agent over that protocol has said and heard itself.
        """
        found: list[bytes] = []
        since_turn: list[bytes] = []
        async for page in self._pages(session, 0):
            if page.gap:
                found.clear()
                since_turn.clear()
            for event in map(from_entry, page.entries):
                if _is_said(event):
                    since_turn.append(event.message)
                elif event.kind is EventKind.PROTOCOL:
                    if msgspec.json.decode(event.message, type=_Turned).was is over:
                        found += since_turn
                    since_turn.clear()
        return found + since_turn

    async def unheard(self, session: Session, after_seq: int) -> str:
        """What was said after an event, as a text for an agent that has not heard it; see ``recount.py``."""
        recount = Recount()
        newest = max(after_seq, session.history.last_seq - RECOUNTED_EVENTS)
        async for page in self._pages(session, newest):
            recount.add(event.message for event in map(from_entry, page.entries) if _is_said(event))
        return recount.text()

    async def _pages(self, session: Session, after_seq: int) -> AsyncIterator[Page]:
        """All that is committed and kept after an event."""
        after = after_seq
        while True:
            page = await self._page(session, after)
            if not page.entries:
                return
            yield page
            after = page.entries[-1].seq

    async def _page(self, session: Session, after_seq: int) -> Page:
        return await self._journal.read(session.stream.name, after_seq, PAGE_EVENTS, PAGE_BYTES)


class _Turned(Struct):
    was: AgentProtocol = field(name="from")


def _first_seq(first_kept: int, session: Session) -> int:
    """What was trimmed from the journal may still be in memory."""
    return min(first_kept, session.history.first_seq)


def _is_said(event: Event) -> bool:
    return event.kind in (EventKind.UPDATE, EventKind.PROMPT)
