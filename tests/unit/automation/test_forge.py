"""GitHub's API, as its stand-in speaks it: what is looked for, what is made, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.git_files import git
from support.github_server import GitHubServer, github_server
from support.github_state import ALL, Fault, GitHubState, Grant, HeldIssue, Repository

from actors.automation.contract import PullRequest, RepositoryFacts, RepositoryName, Token
from actors.automation.forge.client import Api, ForgeClient
from actors.automation.forge.github import GitHubForge
from actors.errors import (
    CredentialRefusedError,
    ForgeForbiddenError,
    ForgeLimitError,
    ForgeRefusedError,
    ForgeUnreachableError,
    LumiLinkError,
    RepositoryBlockedError,
    RepositoryUnknownError,
)

SECRET = "ghs_0123456789abcdef0123456789abcdef0123"
TOKEN = Token(SECRET)
APP = RepositoryName("acme", "app")
NOW = 1_800_000_000.0
BRANCH = "lumilink/s-1"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitHubServer]:
    state = GitHubState(tmp_path, clock=lambda: NOW)
    state.add_token(SECRET)
    async with github_server(state) as serving:
        yield serving


@pytest.fixture
def remote(server: GitHubServer) -> Repository:
    return server.state.add_repository("acme", "app")


@pytest.fixture
def pushed(remote: Repository) -> str:
    """A branch with a commit that ``main`` has not."""
    commit = git(remote.path, "commit-tree", "main^{tree}", "-p", "main", "-m", "more")
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}", commit)
    return commit


@pytest.fixture
async def forge(server: GitHubServer, remote: Repository) -> AsyncIterator[GitHubForge]:
    client = ForgeClient(Api(server.api, deadline_s=5.0), clock=lambda: NOW)
    yield GitHubForge(client)
    await client.aclose()


async def test_facts_are_those_of_the_repository(forge: GitHubForge, remote: Repository):
    assert await forge.facts(APP, TOKEN) == RepositoryFacts("main", False, True, True)
    remote.archived, remote.has_issues, remote.may_push = True, False, False
    assert await forge.facts(APP, TOKEN) == RepositoryFacts("main", True, False, False)


async def test_a_branch_is_at_its_commit_or_is_not_there(forge: GitHubForge, pushed: str):
    assert await forge.branch(APP, BRANCH, TOKEN) == pushed
    assert await forge.branch(APP, "lumilink/other #1?", TOKEN) is None


async def opened(forge: GitHubForge, mark: str = "run-1") -> int:
    return (await forge.issue(APP, "Title", "Body.", mark, NOW - 60, TOKEN)).number


async def test_an_issue_is_opened_once_a_mark(forge: GitHubForge, remote: Repository):
    assert [await opened(forge), await opened(forge), await opened(forge, "run-2")] == [1, 1, 2]
    assert [issue.title for issue in remote.issues] == ["Title", "Title"]
    assert remote.issues[0].body == "Body.\n\n<!-- lumilink: run-1 -->"


async def test_an_issue_is_found_on_a_later_page_and_among_pull_requests(
    forge: GitHubForge, remote: Repository, pushed: str
):
    first = await opened(forge)
    await forge.pull_request(APP, BRANCH, "main", "Title", "<!-- lumilink: run-3 -->", TOKEN)
    remote.issues.extend(HeldIssue(number, number, "Other", None, NOW) for number in range(3, 253))
    assert await opened(forge) == first
    assert await opened(forge, "run-3") == 253


async def test_an_issue_that_was_closed_is_not_opened_again(forge: GitHubForge, remote: Repository):
    first = await opened(forge)
    remote.issues[0].state = "closed"
    assert await opened(forge) == first


async def test_an_issue_whose_answer_was_lost_is_found_again(
    forge: GitHubForge, server: GitHubServer, remote: Repository
):
    server.state.faults.append(Fault("POST .*/issues", 502, after=True))
    with pytest.raises(ForgeUnreachableError):
        await opened(forge)
    await opened(forge)
    assert len(remote.issues) == 1


async def test_a_mark_cannot_end_its_comment(forge: GitHubForge, remote: Repository):
    await opened(forge, "a--> <b>")
    assert remote.issues[0].body is not None
    assert remote.issues[0].body.endswith("<!-- lumilink: a_-___b_ -->")
    await opened(forge, "a--> <b>")
    assert len(remote.issues) == 1


async def test_a_text_is_cut_to_what_github_takes_and_keeps_its_mark(forge: GitHubForge, remote: Repository):
    await forge.issue(APP, "t" * 500, "b" * 70_000, "run-1", NOW - 60, TOKEN)
    issue = remote.issues[0]
    assert issue.body is not None
    assert (len(issue.title), len(issue.body)) == (256, 65_536)
    assert issue.body.endswith("…\n\n<!-- lumilink: run-1 -->")


async def requested(forge: GitHubForge) -> PullRequest:
    return await forge.pull_request(APP, BRANCH, "main", "Title", "Body.", TOKEN)


async def test_a_pull_request_is_opened_once(
    forge: GitHubForge, server: GitHubServer, remote: Repository, pushed: str
):
    first = await requested(forge)
    assert first == PullRequest(1, f"{server.host}/acme/app/pull/1", BRANCH, "main", "open")
    assert await requested(forge) == first
    assert len(remote.pulls) == 1


async def test_a_pull_request_that_is_opened_in_between_is_found(
    forge: GitHubForge, server: GitHubServer, remote: Repository, pushed: str
):
    first = await requested(forge)
    server.state.faults.append(Fault("GET .*/pulls", 200, body=[]))  # type: ignore[arg-type] # an empty list
    assert await requested(forge) == first


async def test_a_pull_request_that_was_merged_is_followed_by_another(
    forge: GitHubForge, remote: Repository, pushed: str
):
    await requested(forge)
    remote.pulls[0].state, remote.pulls[0].merged_at = "closed", NOW
    assert (await requested(forge)).number == 2


@pytest.mark.parametrize(
    ("branch", "told"),
    [("main", "No commits between main and main"), ("gone", "PullRequest head invalid")],
)
async def test_what_github_finds_wrong_is_told(forge: GitHubForge, pushed: str, branch: str, told: str):
    with pytest.raises(ForgeRefusedError, match=told):
        await forge.pull_request(APP, branch, "main", "Title", "Body.", TOKEN)


async def test_issues_that_are_switched_off_are_refused(forge: GitHubForge, remote: Repository):
    remote.has_issues = False
    with pytest.raises(ForgeRefusedError, match="disabled"):
        await opened(forge)


async def test_an_archived_repository_is_blocked(forge: GitHubForge, remote: Repository):
    remote.archived = True
    with pytest.raises(RepositoryBlockedError):
        await opened(forge)


async def test_a_right_that_is_missing_is_named(forge: GitHubForge, server: GitHubServer):
    rights = {name: right for name, right in ALL.items() if name != "issues"}
    server.state.add_token("ghs_less", Grant(permissions=rights))
    with pytest.raises(ForgeForbiddenError, match="issues=write"):
        await forge.issue(APP, "Title", "Body.", "run-1", NOW, Token("ghs_less"))


async def test_a_token_that_is_not_known_is_refused(forge: GitHubForge):
    with pytest.raises(CredentialRefusedError, match="Bad credentials"):
        await forge.facts(APP, Token("ghs_wrong"))


async def test_a_repository_that_is_not_there_is_as_one_that_is_hidden(
    forge: GitHubForge, server: GitHubServer
):
    server.state.add_token("ghs_other", Grant(repositories=["other"]))
    errors = []
    for name, token in ((RepositoryName("acme", "gone"), TOKEN), (APP, Token("ghs_other"))):
        with pytest.raises(RepositoryUnknownError) as raised:
            await forge.facts(name, token)
        errors.append(str(raised.value).replace(str(name), "it"))
    assert errors[0] == errors[1]


async def test_the_primary_limit_is_told_with_the_time_of_its_reset(forge: GitHubForge, server: GitHubServer):
    server.state.calls_an_hour = 2
    await forge.facts(APP, TOKEN)
    await forge.facts(APP, TOKEN)
    with pytest.raises(ForgeLimitError) as raised:
        await forge.facts(APP, TOKEN)
    assert raised.value.retry_after_s == 3600.0


async def test_the_secondary_limit_is_told_with_the_time_to_wait(forge: GitHubForge, server: GitHubServer):
    server.state.contents_a_minute = 1
    await opened(forge)
    with pytest.raises(ForgeLimitError) as raised:
        await opened(forge, "run-2")
    assert raised.value.retry_after_s == 61.0


LIMITED = {"message": "You have exceeded a secondary rate limit."}
DATE = {"date": "Fri, 15 Jan 2027 08:00:00 GMT"}
"""That is NOW."""


@pytest.mark.parametrize(
    ("fault", "error", "retry_after_s"),
    [
        (Fault(".*", 401), CredentialRefusedError, None),
        (Fault(".*", 403), ForgeForbiddenError, None),
        (Fault(".*", 403, headers={"retry-after": "7"}), ForgeLimitError, 7.0),
        (Fault(".*", 403, body=LIMITED), ForgeLimitError, 60.0),
        (Fault(".*", 429), ForgeLimitError, 60.0),
        (Fault(".*", 429, headers={"retry-after": "0"}), ForgeLimitError, 1.0),
        (Fault(".*", 429, headers={"retry-after": "99999999"}), ForgeLimitError, 86_400.0),
        (Fault(".*", 403, headers={"x-ratelimit-remaining": "0"}), ForgeLimitError, 60.0),
        (
            Fault(
                ".*", 403, headers=DATE | {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000090"}
            ),
            ForgeLimitError,
            90.0,
        ),
        (Fault(".*", 403, body={"message": "Forbidden"}), ForgeForbiddenError, None),
        (Fault(".*", 404), RepositoryUnknownError, None),
        (Fault(".*", 409, body={"message": "Git Repository is empty."}), ForgeRefusedError, None),
        (Fault(".*", 422, body={"message": "Validation Failed", "errors": "all"}), ForgeRefusedError, None),
        (Fault(".*", 451), RepositoryBlockedError, None),
        (Fault(".*", 500), ForgeUnreachableError, None),
        (Fault(".*", 503, headers={"retry-after": "9"}), ForgeUnreachableError, 9.0),
        (Fault(".*", 200, body={"hello": "there"}), ForgeUnreachableError, None),
        (Fault(".*", 0), ForgeUnreachableError, None),
    ],
    ids=lambda one: f"{one.status}" if isinstance(one, Fault) else "",
)
async def test_each_answer_has_its_error(
    forge: GitHubForge,
    server: GitHubServer,
    fault: Fault,
    error: type[LumiLinkError],
    retry_after_s: float | None,
):
    server.state.faults.append(Fault(fault.calls, fault.status, fault.body, fault.headers))
    with pytest.raises(LumiLinkError) as raised:
        await forge.facts(APP, TOKEN)
    assert (type(raised.value), raised.value.retry_after_s) == (error, retry_after_s)
    assert SECRET not in str(raised.value)


async def test_nothing_is_tried_again_in_here(forge: GitHubForge, server: GitHubServer):
    server.state.faults.append(Fault(".*", 503, times=9))
    with pytest.raises(ForgeUnreachableError):
        await forge.facts(APP, TOKEN)
    assert len(server.state.calls) == 1


async def test_an_answer_that_does_not_come_ends_with_the_deadline(server: GitHubServer, remote: Repository):
    server.state.faults.append(Fault(".*", delay_s=5.0))
    client = ForgeClient(Api(server.api, deadline_s=0.05))
    await client.rest()
    with pytest.raises(ForgeUnreachableError, match="no answer"):
        await GitHubForge(client).facts(APP, TOKEN)
    await client.aclose()


async def test_a_server_that_is_not_there_is_unreachable():
    client = ForgeClient(Api("http://127.0.0.1:9"))
    with pytest.raises(ForgeUnreachableError, match="ConnectError"):
        await GitHubForge(client).facts(APP, TOKEN)
    await client.aclose()


async def test_calls_at_once_are_all_answered(forge: GitHubForge, server: GitHubServer):
    told = await asyncio.gather(*(forge.facts(APP, TOKEN) for _ in range(40)))
    assert (len(set(told)), len(server.state.calls)) == (1, 40)
