"""GitHub as the forge: repositories, branches, issues and pull requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import msgspec

from actors.automation.contract import Issue, PullRequest, RepositoryFacts, RepositoryName, Token
from actors.automation.forge.client import ForgeClient
from actors.automation.forge.marks import cut, has_mark, marked
from actors.errors import ForgeRefusedError, RepositoryUnknownError

_PAGE: Final = 100
_MOST_PAGES: Final = 50
_MOST_TITLE: Final = 256


class _Permissions(msgspec.Struct):
    push: bool = False


class _Repository(msgspec.Struct):
    default_branch: str
    archived: bool = False
    disabled: bool = False
    has_issues: bool = False
    permissions: _Permissions = msgspec.field(default_factory=_Permissions)


class _Target(msgspec.Struct):
    sha: str


class _Ref(msgspec.Struct):
    object: _Target


class _Issue(msgspec.Struct):
    id: int
    number: int
    html_url: str
    title: str
    body: str | None = None
    pull_request: dict[str, object] | None = None

    def told(self) -> Issue:
        return Issue(self.id, self.number, self.html_url, self.title)


class _Branch(msgspec.Struct):
    ref: str


class _PullRequest(msgspec.Struct):
    number: int
    html_url: str
    state: str
    head: _Branch
    base: _Branch
    merged_at: str | None = None

    def told(self) -> PullRequest:
        state = "merged" if self.merged_at else self.state
        return PullRequest(self.number, self.html_url, self.head.ref, self.base.ref, state)


class GitHubForge:
    """The forge's API. Every method raises the errors of ``actors/errors/automation.py``."""

    def __init__(self, client: ForgeClient) -> None:
        self._client = client

    async def facts(self, repository: RepositoryName, token: Token) -> RepositoryFacts:
        """Raises RepositoryUnknownError where it is not there, or not for this token."""
        rest = await self._client.rest()
        found = await self._client.call(
            f"repository {repository}",
            rest.repos.async_get(repository.owner, repository.name, headers=self._with(token)),
            _Repository,
        )
        return RepositoryFacts(
            default_branch=found.default_branch,
            archived=found.archived or found.disabled,
            may_push=found.permissions.push,
            has_issues=found.has_issues,
        )

    async def branch(self, repository: RepositoryName, branch: str, token: Token) -> str | None:
        """The commit that a branch is at; None if there is none."""
        rest = await self._client.rest()
        try:
            found = await self._client.call(
                f"branch {branch} of {repository}",
                rest.git.async_get_ref(
                    repository.owner, repository.name, f"heads/{quote(branch)}", headers=self._with(token)
                ),
                _Ref,
            )
        except RepositoryUnknownError:
            return None
        return found.object.sha

    async def issue(
        self, repository: RepositoryName, title: str, body: str, mark: str, since: float, token: Token
    ) -> Issue:
        """The issue with this mark, opened if there is none; ``since`` is before the run (epoch seconds)."""
        async for page in self._issues(repository, since, token):
            for one in page:
                if one.pull_request is None and has_mark(one.body, mark):
                    return one.told()
        rest = await self._client.rest()
        made = await self._client.call(
            f"a new issue in {repository}",
            rest.issues.async_create(
                repository.owner,
                repository.name,
                title=title[:_MOST_TITLE],
                body=marked(body, mark),
                headers=self._with(token),
            ),
            _Issue,
        )
        return made.told()

    async def pull_request(
        self, repository: RepositoryName, branch: str, base: str, title: str, body: str, token: Token
    ) -> PullRequest:
        """The open pull request of ``branch``, opened if there is none."""
        found = await self._open_pull_request(repository, branch, token)
        if found is not None:
            return found
        rest = await self._client.rest()
        try:
            made = await self._client.call(
                f"a new pull request from {branch} in {repository}",
                rest.pulls.async_create(
                    repository.owner,
                    repository.name,
                    head=branch,
                    base=base,
                    title=title[:_MOST_TITLE],
                    body=cut(body),
                    headers=self._with(token),
                ),
                _PullRequest,
            )
        except ForgeRefusedError:
            # Somebody else may have opened it in between.
            found = await self._open_pull_request(repository, branch, token)
            if found is None:
                raise
            return found
        return made.told()

    async def _open_pull_request(
        self, repository: RepositoryName, branch: str, token: Token
    ) -> PullRequest | None:
        rest = await self._client.rest()
        found = await self._client.call(
            f"pull requests from {branch} in {repository}",
            rest.pulls.async_list(
                repository.owner,
                repository.name,
                state="open",
                head=f"{repository.owner}:{branch}",
                headers=self._with(token),
            ),
            list[_PullRequest],
        )
        return next((one.told() for one in found if one.head.ref == branch), None)

    async def _issues(
        self, repository: RepositoryName, since: float, token: Token
    ) -> AsyncIterator[list[_Issue]]:
        """Everything that changed in the repository's list of issues since then, newest first."""
        rest = await self._client.rest()
        what = f"issues of {repository}"
        for number in range(1, _MOST_PAGES + 1):
            response = await self._client.send(
                what,
                rest.issues.async_list_for_repo(
                    repository.owner,
                    repository.name,
                    state="all",
                    sort="created",
                    direction="desc",
                    since=datetime.fromtimestamp(since, UTC),
                    per_page=_PAGE,
                    page=number,
                    headers=self._with(token),
                ),
            )
            yield self._client.read(what, response, list[_Issue])
            if 'rel="next"' not in response.headers.get("link", ""):
                return

    def _with(self, token: Token) -> dict[str, str]:
        return self._client.headers(token.value)
