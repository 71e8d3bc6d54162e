"""A push over HTTP to a real git, with a token that only git gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.git_files import git, write
from support.github_server import GitHubServer, github_server
from support.github_state import Fault, GitHubState, Grant, Repository, clone

from actors.automation.checkout import GitCheckout
from actors.automation.contract import CommitOrder, PushResult, Token
from actors.automation.origin import GitHost
from actors.errors import (
    CredentialRefusedError,
    ForgeForbiddenError,
    ForgeLimitError,
    ForgeUnreachableError,
    LumiLinkError,
    PushRefusedError,
    RepositoryBlockedError,
    RepositoryUnknownError,
)

SECRET = "ghs_0123456789abcdef0123456789abcdef0123"
TOKEN = Token(SECRET)
BRANCH = "lumilink/s-1"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitHubServer]:
    state = GitHubState(tmp_path / "github")
    state.add_token(SECRET)
    async with github_server(state) as serving:
        yield serving


@pytest.fixture
def remote(server: GitHubServer) -> Repository:
    return server.state.add_repository("acme", "app")


@pytest.fixture
async def where(server: GitHubServer, remote: Repository, tmp_path: Path) -> Path:
    return await clone(remote, server.address("acme", "app"), tmp_path / "checkout")


@pytest.fixture
def ours(server: GitHubServer, where: Path) -> GitCheckout:
    return GitCheckout(where, GitHost(server.host), deadline_s=20, push_deadline_s=20)


async def committed(ours: GitCheckout, where: Path, text: str = "new\n", parent: str | None = None) -> str:
    write(where, {"new.txt": text})
    snapshot = await ours.snapshot(parent)
    return await ours.commit(CommitOrder(snapshot, "Say hello", "LumiLink", "bot@example.org", 1_800_000_000))


async def test_a_pushed_branch_is_the_commit(ours: GitCheckout, where: Path, remote: Repository):
    commit = await committed(ours, where)
    assert await ours.push(commit, BRANCH, TOKEN) is PushResult.DONE
    assert remote.branches()[BRANCH] == commit


async def test_a_push_again_finds_it_there(ours: GitCheckout, where: Path):
    commit = await committed(ours, where)
    await ours.push(commit, BRANCH, TOKEN)
    assert await ours.push(commit, BRANCH, TOKEN) is PushResult.ALREADY_THERE


async def test_a_later_commit_moves_the_branch_on(ours: GitCheckout, where: Path, remote: Repository):
    first = await committed(ours, where)
    await ours.push(first, BRANCH, TOKEN)
    second = await committed(ours, where, "newer\n", first)
    assert await ours.push(second, BRANCH, TOKEN) is PushResult.DONE
    assert remote.branches()[BRANCH] == second


async def test_a_branch_that_somebody_else_moved_is_left_as_it_is(
    ours: GitCheckout, where: Path, remote: Repository
):
    first = await committed(ours, where)
    await ours.push(first, BRANCH, TOKEN)
    theirs = git(remote.path, "commit-tree", f"{first}^{{tree}}", "-p", first, "-m", "theirs")
    git(remote.path, "update-ref", f"refs/heads/{BRANCH}", theirs)
    second = await committed(ours, where, "newer\n", first)

    with pytest.raises(PushRefusedError, match="commits that are not from here"):
        await ours.push(second, BRANCH, TOKEN)
    assert remote.branches()[BRANCH] == theirs


async def test_a_protected_branch_is_refused_in_github_s_words(
    ours: GitCheckout, where: Path, remote: Repository
):
    remote.protect("main")
    with pytest.raises(PushRefusedError, match="is protected: error: GH006"):
        await ours.push(await committed(ours, where), "main", TOKEN)


async def test_a_name_that_is_none_for_a_branch_is_refused(ours: GitCheckout, where: Path):
    with pytest.raises(PushRefusedError, match="no name"):
        await ours.push(await committed(ours, where), "a..b:c", TOKEN)


async def test_a_shallow_clone_is_pushed_from(
    server: GitHubServer, remote: Repository, where: Path, tmp_path: Path
):
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{remote.path}", "shallow")
    shallow = tmp_path / "shallow"
    git(shallow, "remote", "set-url", "origin", server.address("acme", "app"))
    ours = GitCheckout(shallow, GitHost(server.host))
    commit = await committed(ours, shallow)
    assert await ours.push(commit, BRANCH, TOKEN) is PushResult.DONE


async def refusal(ours: GitCheckout, where: Path, token: Token = TOKEN) -> LumiLinkError:
    commit = await committed(ours, where)
    with pytest.raises(LumiLinkError) as raised:
        await ours.push(commit, BRANCH, token)
    assert SECRET not in str(raised.value)
    return raised.value


async def test_a_token_that_is_not_known_is_refused(ours: GitCheckout, where: Path):
    assert type(await refusal(ours, where, Token("ghs_wrong"))) is CredentialRefusedError


async def test_a_token_with_a_line_s_end_in_it_is_refused(ours: GitCheckout, where: Path):
    assert type(await refusal(ours, where, Token("a\nb"))) is CredentialRefusedError


async def test_a_token_that_may_not_write_is_told_so(ours: GitCheckout, where: Path, server: GitHubServer):
    server.state.add_token("ghs_reader", Grant(permissions={"contents": "read"}))
    assert type(await refusal(ours, where, Token("ghs_reader"))) is ForgeForbiddenError


async def test_a_repository_that_the_token_does_not_open_is_unknown(
    ours: GitCheckout, where: Path, server: GitHubServer
):
    server.state.add_token("ghs_other", Grant(repositories=["other"]))
    assert type(await refusal(ours, where, Token("ghs_other"))) is RepositoryUnknownError


async def test_an_archived_repository_is_blocked(ours: GitCheckout, where: Path, remote: Repository):
    remote.archived = True
    assert type(await refusal(ours, where)) is RepositoryBlockedError


@pytest.mark.parametrize(
    ("status", "error"), [(500, ForgeUnreachableError), (503, ForgeUnreachableError), (429, ForgeLimitError)]
)
async def test_a_failure_of_the_server_is_told_apart(
    ours: GitCheckout, where: Path, server: GitHubServer, status: int, error: type[LumiLinkError]
):
    server.state.faults.append(Fault(".*info/refs", status, times=5))
    assert type(await refusal(ours, where)) is error


async def test_a_server_that_is_not_there_is_unreachable(where: Path):
    ours = GitCheckout(where, GitHost("http://127.0.0.1:9"))
    assert type(await refusal(ours, where)) is ForgeUnreachableError


async def test_a_server_that_does_not_answer_is_unreachable_after_the_deadline(
    where: Path, server: GitHubServer
):
    server.state.faults.append(Fault(".*info/refs", delay_s=5.0))
    ours = GitCheckout(where, GitHost(server.host), push_deadline_s=0.05)
    assert "took more than 0.05 s" in str(await refusal(ours, where))


async def test_a_push_whose_answer_was_lost_is_found_again(
    ours: GitCheckout, where: Path, server: GitHubServer
):
    server.state.faults.append(Fault("POST .*git-receive-pack", 502, after=True))
    commit = await committed(ours, where)
    with pytest.raises(ForgeUnreachableError):
        await ours.push(commit, BRANCH, TOKEN)
    assert await ours.push(commit, BRANCH, TOKEN) is PushResult.ALREADY_THERE


async def test_a_cancelled_push_leaves_no_process(ours: GitCheckout, where: Path, server: GitHubServer):
    commit = await committed(ours, where)
    arrived = asyncio.Event()
    server.state.faults.append(Fault(".*info/refs", delay_s=5.0))
    server.state.on_call = lambda _: arrived.set()
    pushing = asyncio.create_task(ours.push(commit, BRANCH, TOKEN))
    await arrived.wait()
    assert of_push(where) != []
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing
    # All of the group were killed at once; the kernel may take a moment with those that are not git itself.
    async with asyncio.timeout(10):
        while of_push(where):
            await asyncio.sleep(0.01)


async def test_the_token_is_on_no_command_line_and_in_no_environment(
    ours: GitCheckout, where: Path, server: GitHubServer
):
    commit = await committed(ours, where)
    seen: list[str] = []
    server.state.on_call = lambda _: seen.extend(of_push(where))
    await ours.push(commit, BRANCH, TOKEN)

    assert any("GIT_ASKPASS" in told for told in seen)
    assert not any(SECRET in told for told in seen)


async def test_the_token_is_in_no_file_of_the_checkout(ours: GitCheckout, where: Path):
    await ours.push(await committed(ours, where), BRANCH, TOKEN)
    files = [path for path in where.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def of_push(where: Path) -> list[str]:
    """Command lines and environments of all processes that push from a checkout."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            told = (process / "cmdline").read_bytes() + b" " + (process / "environ").read_bytes()
        except OSError:
            continue
        if b"GIT_ASKPASS" in told and f"GIT_WORK_TREE={where}".encode() in told:
            found.append(told.decode(errors="replace"))
    return found
