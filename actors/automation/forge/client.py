"""Calls of GitHub's API by githubkit, each with a deadline, over connections that are kept.

githubkit takes half a second and some 60 MB to load, so that is done once it is needed, beside the loop. It
opens a client for every call; what is costly in one, its connections, is ours and outlives it. It tries
nothing again: who makes the calls knows best when.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import httpx
import msgspec

from actors.automation.forge.failures import failure_of
from actors.errors import ForgeUnreachableError

if TYPE_CHECKING:
    from githubkit import GitHub, UnauthAuthStrategy
    from githubkit.versions import RestVersionSwitcher

Answer = TypeVar("Answer")

GITHUB: Final = "https://api.github.com"
API_VERSION: Final = "2026-03-10"
_USER_AGENT: Final = "LumiLink"
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=5, keepalive_expiry=30.0)
_MODELS: Final = (
    *("AppInstallationsInstallationIdAccessTokensPostBody", "Installation", "InstallationToken"),
    *("FullRepository", "GitRef", "Issue", "ReposOwnerRepoIssuesPostBody"),
    *("PullRequest", "PullRequestSimple", "ReposOwnerRepoPullsPostBody"),
    *("BasicError", "ValidationError", "EventsGetResponse503"),
)
"""What the methods that we call load when they are first called: better beside the loop than on it."""


@dataclass(frozen=True, slots=True)
class Api:
    """Where the API is, and how long a call may take, in seconds.

    ``version`` is the one that is asked for; an older GitHub Enterprise Server may need an older one.
    """

    base_url: str = GITHUB
    version: str = API_VERSION
    deadline_s: float = 30.0


class Answered(Protocol):
    """An answer of the API, whatever githubkit calls its content."""

    @property
    def content(self) -> bytes:
        """The body."""

    @property
    def headers(self) -> httpx.Headers:
        """The header fields."""


class _Kept(httpx.AsyncBaseTransport):
    """A transport that outlives the clients which are opened over it."""

    def __init__(self) -> None:
        self._transport = httpx.AsyncHTTPTransport(limits=_LIMITS)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Nothing: a client ends, and the connections stay."""

    async def end(self) -> None:
        await self._transport.aclose()


class ForgeClient:
    """The one way to the API. It belongs to a loop, and is closed at its end."""

    def __init__(self, api: Api | None = None, clock: Callable[[], float] = time.time) -> None:
        self._api = api or Api()
        self._clock = clock
        self._loading = asyncio.Lock()
        self._kit: GitHub[UnauthAuthStrategy] | None = None
        self._transport: _Kept | None = None

    async def prepare(self) -> None:
        """Load githubkit now, so that no call has to."""
        await self.rest()

    async def rest(self) -> RestVersionSwitcher:
        """The API's methods. The first time takes as long as githubkit takes to load."""
        async with self._loading:
            if self._kit is None:
                self._kit = await asyncio.to_thread(self._load)
        return self._kit.rest

    def headers(self, secret: str) -> dict[str, str]:
        """What goes with every call: a token, or the app's JSON Web Token."""
        return {"Authorization": f"Bearer {secret}", "X-GitHub-Api-Version": self._api.version}

    async def call(self, what: str, response: Awaitable[Answered], as_type: type[Answer]) -> Answer:
        """The part of an answer that we need. ``what`` says in errors what the call was for."""
        return self.read(what, await self.send(what, response), as_type)

    async def send(self, what: str, response: Awaitable[Answered]) -> Answered:
        """Make a call. Raises the errors of ``actors/errors/automation.py``."""
        from githubkit.exception import GitHubException, RequestFailed  # noqa: PLC0415 - see the module

        try:
            async with asyncio.timeout(self._api.deadline_s):
                return await response
        except RequestFailed as failed:
            raise failure_of(what, failed.response.raw_response, self._clock()) from None
        except (GitHubException, TimeoutError, ValueError) as error:
            cause = getattr(error, "exc", error)
            raise ForgeUnreachableError(
                f"{what}: no answer that can be used ({type(cause).__name__})"
            ) from None

    def read(self, what: str, response: Answered, as_type: type[Answer]) -> Answer:
        """The part of an answer that we need. Raises ForgeUnreachableError where it is not GitHub's."""
        try:
            return msgspec.json.decode(response.content, type=as_type)
        except msgspec.MsgspecError as error:
            raise ForgeUnreachableError(f"{what}: what answers is not GitHub's API: {error}") from error

    async def aclose(self) -> None:
        """End the connections."""
        if self._transport is not None:
            await self._transport.end()

    def _load(self) -> GitHub[UnauthAuthStrategy]:
        from githubkit import GitHub, UnauthAuthStrategy  # noqa: PLC0415 - see the module
        from githubkit_schemas.latest import models  # noqa: PLC0415 - see the module

        self._transport = _Kept()
        kit = GitHub(
            UnauthAuthStrategy(),
            base_url=self._api.base_url,
            user_agent=_USER_AGENT,
            timeout=self._api.deadline_s,
            async_transport=self._transport,
            http_cache=False,
            auto_retry=False,
        )
        rest = kit.rest
        for _ in (rest.apps, rest.git, rest.issues, rest.pulls, rest.repos):
            pass  # each is loaded when it is first looked at
        for name in _MODELS:
            getattr(models, name)
        return kit
