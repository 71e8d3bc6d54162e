"""Ending sessions of a worker for good, because they are erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from actors import errors
from actors.connection.messages import EraseSession
from actors.hosted import HostedSessions
from actors.kernel.identity import ActorId
from actors.kernel.system import ActorSystem
from actors.migration.streams import WorkspaceName
from actors.workspace.actor import HandOver

log = logging.getLogger("lumilink.worker")

END_DEADLINE_S: Final = 4.0
"""Less than what the callers of a worker wait."""


class Dismissals:
    """Answers for one worker; ``workspaces`` gives the keys of those that it holds."""

    def __init__(
        self, hosted: HostedSessions, system: ActorSystem, workspaces: Callable[[], list[str]]
    ) -> None:
        self._hosted = hosted
        self._system = system
        self._workspaces = workspaces

    async def dismiss(self, installation: str, session_ids: Sequence[str] | None) -> int:
        """End these sessions of an installation, agents included; None: all, and let its workspaces go.

        Returns how many are still here: then it is to be asked again.
        """
        theirs = self._hosted.of_installation(installation)
        wanted = theirs if session_ids is None else [one for one in session_ids if one in theirs]
        left = sum(await asyncio.gather(*(self._end(installation, one) for one in wanted)))
        return left + (self._let_go(installation) if session_ids is None else 0)

    async def _end(self, installation: str, session_id: str) -> bool:
        """Whether the session is still here."""
        hosted = self._hosted.get(session_id)
        if hosted is None or hosted.installation != installation:
            return False
        if hosted.holder is None:
            self._hosted.session_failed(session_id, errors.SessionClosedError("the session was erased"))
            return True  # whoever was about to open it is to be gone first
        try:
            await hosted.holder.ask(EraseSession(session_id), END_DEADLINE_S)
        except errors.LumiLinkError as error:
            log.info("session %s has not ended yet: %s", session_id, error)
            return self._hosted.get(session_id) is not None
        return False

    def _let_go(self, installation: str) -> int:
        """Have the workspaces of an installation end; returns how many are still here."""
        prefix = WorkspaceName(installation, "").key
        keys = [key for key in self._workspaces() if key.startswith(prefix)]
        for key in keys:
            workspace = self._system.find(ActorId("workspace", key))
            if workspace is not None:
                try:
                    workspace.tell(HandOver(0.0))
                except errors.LumiLinkError as error:
                    log.debug("workspace %s is asked again: %s", key, error)
        return len(keys)
