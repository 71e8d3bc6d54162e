"""The end of a session: closed by a client, or ended because it is erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from actors import errors
from actors.connection.attachment import Attachment
from actors.connection.automating import Automating
from actors.connection.chronicle import Chronicle
from actors.connection.port import AgentPort
from actors.connection.requests import ClientRequests
from actors.connection.session import Session
from actors.connection.table import SessionTable
from actors.kernel.actor import ActorContext
from actors.protocol import compose
from actors.protocol.envelope import Envelope

log = logging.getLogger("lumilink.connection")

SETTLE_S: Final = 3.0


class Closing:
    """Ends sessions of one connection for good; ``look`` is called after each."""

    def __init__(
        self,
        context: ActorContext,
        port: AgentPort,
        sessions: SessionTable,
        requests: ClientRequests,
        chronicle: Chronicle,
        automating: Automating,
        look: Callable[[], None],
        request_timeout_s: float,
    ) -> None:
        self._context = context
        self._port = port
        self._sessions = sessions
        self._requests = requests
        self._chronicle = chronicle
        self._automating = automating
        self._look = look
        self._request_timeout_s = request_timeout_s

    def close(self, session: Session, attachment: Attachment, request: Envelope) -> None:
        """A client closes it, and is answered once the journal knows."""
        self._end(session)
        self._context.run(self._close_everywhere(session, attachment, request), name="close session")

    async def erase(self, session: Session) -> None:
        """All of it is to go. When this returns nothing more of it is written, shown or kept in memory."""
        self._end(session)
        await settled([session])
        session.end_attachments(errors.SessionClosedError("the session was erased"))
        session.release()
        if len(self._sessions) and self._port.offers("sessionCapabilities", "close"):
            self._port.request("session/close", {"sessionId": session.agent_id}, _no_matter)
        self._look()

    def _end(self, session: Session) -> None:
        self._requests.end(session)
        session.closed = True
        self._chronicle.left(session, self._port.state)
        session.stream.save()
        self._sessions.remove(session)
        self._automating.closed(session)

    async def _close_everywhere(self, session: Session, attachment: Attachment, request: Envelope) -> None:
        await settled([session])
        attachment.say_now(request.raw_id, compose.response(request.echo_id, {}))
        session.end_attachments(errors.SessionClosedError("the session was closed by a client"))
        assert request.method is not None
        try:
            if self._port.offers("sessionCapabilities", request.method.removeprefix("session/")):
                params = {"sessionId": session.agent_id}
                await self._port.call(request.method, params, self._request_timeout_s)
        except errors.LumiLinkError as error:
            log.info("the agent did not close its session: %s", error)
        self._look()


async def settled(sessions: Sequence[Session]) -> None:
    """Wait until all that happened is in the journal, at most SETTLE_S seconds."""
    try:
        async with asyncio.timeout(SETTLE_S):
            for session in sessions:
                await session.stream.settled()
    except TimeoutError:
        log.warning("the journal does not take the end of %d sessions in time", len(sessions))


def _no_matter(_outcome: object) -> None:
    """The agent goes on with its other sessions, whatever it answers."""
