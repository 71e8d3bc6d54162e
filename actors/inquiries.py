"""What is asked of a worker's sessions beside their views: lists, and questions that await an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from actors import errors
from actors.automation.order import Wish
from actors.connection.messages import (
    DecideQuestion,
    DescribeSessions,
    DescribeStatus,
    ListQuestions,
    QuestionView,
    RunAutomation,
    SessionSummary,
)
from actors.connection.store import SessionStore, summary_of
from actors.hosted import HostedSessions
from actors.kernel.ref import ActorRef

DESCRIBE_DEADLINE_S: Final = 2.0
AUTOMATE_DEADLINE_S: Final = 4.5

log = logging.getLogger("lumilink.worker")


class Inquiries:
    """Answers for one worker; ``store`` gives its sessions once the journal is open."""

    def __init__(self, hosted: HostedSessions, store: Callable[[], SessionStore]) -> None:
        self._hosted = hosted
        self._store = store

    async def describe(self, installation: str) -> list[dict[str, object]]:
        """The sessions of a tenant: those that the journal has, and of those held here how they are now."""
        stored = await self._store().list(installation)
        found = {one.session_id: summary_of(one) for one in stored}
        holders = self._hosted.holders(installation)
        for summaries in await asyncio.gather(*(_summaries(holder) for holder in holders)):
            found |= {summary.session_id: summary for summary in summaries}
        return [asdict(summary) for summary in found.values()]

    async def questions(self, session_id: str, installation: str) -> list[QuestionView]:
        """What the agent of a session asks. Raises SessionNotFoundError for one that is not held here."""
        holder = self._hosted.holder_of(session_id, installation)
        found = await holder.ask(ListQuestions(session_id), DESCRIBE_DEADLINE_S)
        assert isinstance(found, list)
        return found

    async def status(self, session_id: str, installation: str) -> bytes:
        """The live status of a session as JSON. Raises SessionNotFoundError for one that is not held here."""
        holder = self._hosted.holder_of(session_id, installation)
        told = await holder.ask(DescribeStatus(session_id), DESCRIBE_DEADLINE_S)
        assert isinstance(told, bytes)
        return told

    async def decide(self, session_id: str, installation: str, question_id: str, result: bytes) -> None:
        """Answer a question. Raises QuestionUnknownError if that was done, or SessionNotFoundError."""
        decision = DecideQuestion(session_id, question_id, result)
        await self._hosted.holder_of(session_id, installation).ask(decision, DESCRIBE_DEADLINE_S)

    async def automate(self, session_id: str, installation: str, name: str, wish: Wish) -> bytes:
        """Run a session's automation; JSON of what came of it so far. Raises SessionNotFoundError."""
        run = RunAutomation(session_id, name, wish)
        told = await self._hosted.holder_of(session_id, installation).ask(run, AUTOMATE_DEADLINE_S)
        assert isinstance(told, bytes)
        return told


async def _summaries(holder: ActorRef) -> list[SessionSummary]:
    try:
        summaries = await holder.ask(DescribeSessions(), DESCRIBE_DEADLINE_S)
    except errors.LumiLinkError as error:
        log.debug("a session could not be described: %s", error)
        return []
    assert isinstance(summaries, list)
    return summaries
