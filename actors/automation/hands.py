"""The real parts that runs work with: git, GitHub, credentials. Loaded only where automation is on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from actors.automation.checkout import GitCheckout
from actors.automation.credentials.app import AppTokens
from actors.automation.credentials.kept import KeptCredentials
from actors.automation.credentials.personal import PersonalCredentials
from actors.automation.forge.client import Api, ForgeClient
from actors.automation.forge.github import GitHubForge
from actors.automation.origin import GitHost
from actors.automation.run import Hands
from actors.automation.settings import AutomationSettings, ForgeAccess


def make_hands(settings: AutomationSettings, access: ForgeAccess) -> Hands:
    """The hands of one worker, on its loop. Raises SettingsError for an address that is none."""
    host, client = GitHost(access.git_url), ForgeClient(Api(access.api_url))
    credentials: KeptCredentials | PersonalCredentials
    if access.app_id:
        credentials = KeptCredentials(AppTokens(client, access.app_id, Path(access.app_key)))
    else:
        credentials = PersonalCredentials(access.token)

    async def close() -> None:
        await credentials.aclose()
        await client.aclose()

    return Hands(
        lambda directory: GitCheckout(Path(directory), host, settings.limits),
        GitHubForge(client),
        credentials,
        settings,
        asyncio.Semaphore(settings.parallel),
        prepare=client.prepare,
        close=close,
    )
