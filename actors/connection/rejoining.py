"""Bringing an agent back: dialled anew, and told of the sessions that it had.

An agent that was let go because nobody needed it, one that crashed, and one that another worker had before
are all brought back in the same way, by the first who needs it.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from actors import errors
from actors.connection.carrying import Carrying, is_of_agent
from actors.connection.choices import Choice
from actors.connection.deciding import Deciding
from actors.connection.notices import NoticeKind, notice
from actors.connection.port import AgentPort
from actors.connection.recall import Recall
from actors.connection.replay import ReplayFilter
from actors.connection.session import Session
from actors.connection.table import SessionTable
from actors.kernel.actor import ActorContext
from actors.migration.contract import SampleKind
from actors.protocol.agent_protocol import AgentProtocol
from actors.protocol.envelope import MessageKind, error_of, result_of, result_raw
from actors.protocol.models import NewSessionResult

log = logging.getLogger("lumilink.connection")


class Rejoining:
    """Makes sure that the agent of one connection is there and knows the connection's sessions."""

    def __init__(
        self,
        context: ActorContext,
        port: AgentPort,
        sessions: SessionTable,
        recall: Recall,
        deciding: Deciding,
        carrying: Carrying,
        timeout_s: float,
    ) -> None:
        self._context = context
        self._port = port
        self._sessions = sessions
        self._recall = recall
        self._deciding = deciding
        self._carrying = carrying
        self._timeout_s = timeout_s
        self._task: asyncio.Task[errors.LumiLinkError | None] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether the agent is being brought back."""
        return self._task is not None and not self._task.done()

    async def ensure(self) -> None:
        """Wait until the agent is there. Raises what kept it from it."""
        if not self.is_under_way:
            if self._port.is_connected:
                return
            self._task = self._context.run(self._attempt(), name="bring the agent back")
        assert self._task is not None
        error = await asyncio.shield(self._task)
        if error is not None:
            raise error

    async def _attempt(self) -> errors.LumiLinkError | None:
        try:
            async with self._port.lodging.returning():
                await self._rejoin()
        except TimeoutError:
            error: errors.LumiLinkError = errors.JournalUnavailableError("the journal takes nothing now")
        except errors.LumiLinkError as failure:
            error = failure
        else:
            return None
        log.warning("the agent could not be brought back: %s", error)
        return error

    async def _rejoin(self) -> None:
        sessions = list(self._sessions)
        if not sessions:
            raise errors.AgentClosedError("the connection has no session any more")
        for session in sessions:
            # Nothing that was asked on an earlier link has an id on the new one, whoever ended that.
            self._deciding.agent_away(session)
        await self._carrying.settle()
        await self._carrying.dial(sessions[0].cwd, sessions[0].initialize)
        try:
            for session in sessions:
                await self._bring(session)
        except BaseException as error:
            if isinstance(error, errors.LumiLinkError) and is_of_agent(error):
                self._carrying.note(SampleKind.SET_UP, ok=False)
            await self._port.close()
            raise
        self._carrying.note(SampleKind.SET_UP, ok=True)

    async def _bring(self, session: Session) -> None:
        """``session/resume`` if the agent can and no turn was cut off; else ``session/load``; else anew.

        What it refuses, because it has forgotten the session, is followed by the next. An agent that never
        had the session is not asked for it.
        """
        again = msgspec.json.decode(session.surroundings, type=dict[str, msgspec.Raw])
        setup: dict[str, object] = {"cwd": session.cwd, **again}
        params = {"sessionId": session.agent_id, **setup}
        known = bool(session.agent_id)
        loads = known and self._port.offers("loadSession")
        resumes = known and self._port.offers("sessionCapabilities", "resume")
        others: list[Choice] | None = None
        if resumes and not (session.cut_off and loads):
            others = await self._resume(session, params)
        if loads and others is None:
            others = await self._load(session, params)
        remembers = others is not None
        if others is None:
            others = await self._begin_anew(session, setup)
        self._deciding.agent_back(session, remembers=remembers)
        # Over HTTP there is no way to say them; they are kept for when the session returns.
        if self._carrying.protocol is AgentProtocol.ACP:
            for choice in others:
                await self._choose_again(session, choice)
        session.cut_off = False
        session.stream.save()

    async def _choose_again(self, session: Session, choice: Choice) -> None:
        """Set a mode or an option that a client had chosen; who relies on it is told if that fails."""
        params = msgspec.json.decode(choice.params, type=dict[str, msgspec.Raw])
        if await self._call(choice.method, {"sessionId": session.agent_id, **params}) is not None:
            session.choices.keep(choice)
            return
        session.choices.drop(choice)
        what = f"the option {choice.option}" if choice.option else "the mode"
        lost = notice(NoticeKind.CHOICE_LOST, what=what)
        session.notice(lost, method=choice.method, value=choice.value)

    async def _begin_anew(self, session: Session, setup: dict[str, object]) -> list[Choice]:
        answer = await self._port.call("session/new", setup, self._timeout_s)
        if answer.kind is MessageKind.ERROR:
            raise errors.AgentProtocolError(f"the agent refused session/new: {error_of(answer).message}")
        self._sessions.rename(session, result_of(answer, NewSessionResult).session_id)
        if session.carriage.heard is None:
            session.notice(notice(NoticeKind.AGENT_FORGOT))
        else:
            session.carriage.heard = 0  # it is told the conversation, from the beginning
        return session.choices.differing([result_raw(answer)], unless_told=True)

    async def _resume(self, session: Session, params: dict[str, object]) -> list[Choice] | None:
        """``session/resume``; returns what the agent has chosen otherwise, None if it refused."""
        result = await self._call("session/resume", params)
        return None if result is None else session.choices.differing([result], unless_told=False)

    async def _load(self, session: Session, params: dict[str, object]) -> list[Choice] | None:
        """``session/load``. The agent replays the conversation: only what never reached us is new.

        Returns what it has chosen otherwise, None if it refused.
        """
        async with asyncio.timeout(self._timeout_s):
            await session.stream.settled()
        known = await self._recall.conversation(session, self._carrying.protocol)
        # A long conversation takes a while to be read.
        replay = session.replay = await asyncio.to_thread(ReplayFilter, known)
        try:
            result = await self._call("session/load", params)
        finally:
            session.replay = None
        reports = [*replay.newest_states(), result or b"null"]
        others = session.choices.differing(reports, unless_told=False)
        for frame in replay.returned_states():
            session.show_update(frame)
        if replay.diverged:
            session.notice(notice(NoticeKind.AGENT_DIVERGED))
        return None if result is None else others

    async def _call(self, method: str, params: dict[str, object]) -> bytes | None:
        """The result, as JSON text; None if the agent refused."""
        answer = await self._port.call(method, params, self._timeout_s)
        if answer.kind is MessageKind.ERROR:
            log.warning("the agent refused %s of a session that it had", method)
            return None
        return result_raw(answer)
