"""The automations of a worker's workspaces: what they share, and what is asked of them from outside."""

from __future__ import annotations

from collections.abc import Callable

from actors import errors
from actors.automation import left_open
from actors.automation.messages import PullRequestNews
from actors.automation.run import Hands
from actors.automation.settings import AutomationSettings, ForgeAccess
from actors.automation.stream import Writer
from actors.journal.contract import Journal
from actors.kernel.ref import ActorRef
from actors.migration.command import Elsewhere
from actors.workspace.actor import ResumeAutomation
from actors.workspace.automations import NEWS_DEADLINE_S, Automation


class AutomationCounter:
    """Of one worker. ``workspace`` loads a workspace's actor."""

    def __init__(
        self,
        settings: AutomationSettings,
        access: ForgeAccess,
        journal: Journal,
        writer: Writer,
        workspace: Callable[[str, str], ActorRef],
    ) -> None:
        self.automation = Automation(settings, journal, writer, self._take_hands)
        self._access = access
        self._journal = journal
        self._workspace = workspace
        self._hands: Hands | None = None

    async def prepare(self) -> None:
        """Load what runs work with: half a second, which beside sessions would hold all of them up.

        Raises SettingsError.
        """
        await self._take_hands().prepare()

    async def look_after(self) -> None:
        """Have what others left open taken up here, for as long as the worker lives."""
        await left_open.look_after(self._journal, self._resume)

    async def with_pull_request(self, repository: str, number: int) -> list[tuple[str, str]]:
        """Installations and workspaces that have a pull request. Raises JournalUnavailableError."""
        return await left_open.workspaces_with(self._journal, repository, number)

    async def tell(self, installation: str, workspace_id: str, news: PullRequestNews) -> bool | Elsewhere:
        """Tell a workspace what the forge tells; whether it was news, or who has the workspace.

        Raises AskDeadlineError, and JournalUnavailableError.
        """
        told = await self._workspace(installation, workspace_id).ask(news, NEWS_DEADLINE_S)
        assert isinstance(told, bool | Elsewhere)
        return told

    async def close(self) -> None:
        """Let go of connections and credentials, once no run goes on any more."""
        if self._hands is not None:
            await self._hands.close()

    def _resume(self, installation: str, workspace_id: str) -> None:
        try:
            self._workspace(installation, workspace_id).tell(ResumeAutomation())
        except errors.MailboxFullError:
            return  # it is loaded, and was told

    def _take_hands(self) -> Hands:
        if self._hands is None:
            from actors.automation.hands import make_hands  # noqa: PLC0415 - most workers never need them

            self._hands = make_hands(self.automation.settings, self._access)
        return self._hands
