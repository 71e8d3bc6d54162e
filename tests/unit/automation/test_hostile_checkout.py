"""A checkout whose owner means harm: nothing that it names is run, and a token goes to the forge alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.git_files import git, repository, write
from support.github_server import GitHubServer, github_server
from support.github_state import GitHubState, Grant, clone

from actors.automation.askpass import askpass
from actors.automation.checkout import GitCheckout
from actors.automation.contract import CommitOrder, PushResult, Token
from actors.automation.origin import GitHost
from actors.errors import CheckoutError, LumiLinkError

SECRET = "ghs_0123456789abcdef0123456789abcdef0123"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitHubServer]:
    state = GitHubState(tmp_path / "github")
    state.add_token(SECRET)
    state.add_repository("acme", "app")
    async with github_server(state) as serving:
        yield serving


@pytest.fixture
async def where(server: GitHubServer, tmp_path: Path) -> Path:
    remote = server.state.repositories["acme/app"]
    return await clone(remote, server.address("acme", "app"), tmp_path / "checkout")


async def whole_way(where: Path, host: str) -> PushResult:
    ours = GitCheckout(where, GitHost(host), deadline_s=20, push_deadline_s=20)
    snapshot = await ours.snapshot(None)
    await ours.diff(snapshot, 10_000)
    commit = await ours.commit(
        CommitOrder(snapshot, "Hello", "LumiLink", "bot@example.org", 1, ("Session: 1",))
    )
    return await ours.push(commit, "b", Token(SECRET))


PROGRAMS = [
    "core.fsmonitor",
    "core.askPass",
    "credential.helper",
    "diff.external",
    "diff.evil.textconv",
    "diff.evil.command",
    "filter.evil.clean",
    "filter.evil.process",
    "trailer.Session.command",
    "trailer.Session.cmd",
]


@pytest.mark.parametrize("name", PROGRAMS)
async def test_no_program_of_the_configuration_is_run(
    where: Path, server: GitHubServer, tmp_path: Path, name: str
):
    git(where, "config", name, f"touch {tmp_path}/ran;")
    git(where, "config", "commit.gpgSign", "true")
    git(where, "config", "push.gpgSign", "true")
    write(where, {".gitattributes": "*.c diff=evil\n*.h filter=evil\n", "a.c": "int a;\n", "a.h": "int a;\n"})
    assert await whole_way(where, server.host) is PushResult.DONE
    assert not (tmp_path / "ran").exists()


HOOKS = ["pre-commit", "commit-msg", "post-commit", "pre-push", "post-index-change", "reference-transaction"]


@pytest.mark.parametrize("by_configuration", [False, True])
async def test_no_hook_is_run(where: Path, server: GitHubServer, tmp_path: Path, by_configuration: bool):
    hooks = tmp_path / "hooks" if by_configuration else where / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in HOOKS:
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        (hooks / name).chmod(0o755)
    if by_configuration:
        git(where, "config", "core.hooksPath", str(hooks))
    write(where, {"a.c": "int a;\n"})
    assert await whole_way(where, server.host) is PushResult.DONE
    assert not list(tmp_path.glob("ran-*"))


@pytest.fixture
async def thief() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that writes down whatever it is sent."""
    heard: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", heard


@pytest.mark.parametrize(
    "setting",
    [
        "url.{thief}/.insteadOf={host}/",
        "url.{thief}/.pushInsteadOf=http://x-access-token@",
        "remote.origin.pushurl={thief}/acme/app.git",
        "http.proxy={thief}",
        "http.{host}/acme/app.git.proxy={thief}",
        "remote.origin.proxy={thief}",
    ],
)
async def test_a_push_goes_to_the_forge_and_nowhere_else(
    where: Path, server: GitHubServer, thief: tuple[str, list[bytes]], setting: str
):
    address, heard = thief
    name, _, value = setting.format(thief=address, host=server.host).partition("=")
    git(where, "config", name, value)
    write(where, {"a.c": "int a;\n"})
    assert await whole_way(where, server.host) is PushResult.DONE
    assert heard == []


async def test_a_forge_that_sends_on_to_another_host_gets_no_token_there(
    where: Path, server: GitHubServer, thief: tuple[str, list[bytes]]
):
    address, heard = thief
    server.state.redirect_git_to = address
    write(where, {"a.c": "int a;\n"})
    with pytest.raises(LumiLinkError):
        await whole_way(where, server.host)
    assert heard != []
    assert not [one for one in heard if b"authorization" in one.lower()]


async def test_a_token_opens_only_what_origin_names_by_its_own_rights(where: Path, server: GitHubServer):
    server.state.add_token("ghs_other", Grant(repositories=["other"]))
    git(where, "remote", "set-url", "origin", server.address("acme", "gone"))
    write(where, {"a.c": "int a;\n"})
    with pytest.raises(LumiLinkError, match="acme/gone is not there"):
        await whole_way(where, server.host)


async def test_files_outside_are_not_reached_by_the_configuration(tmp_path: Path):
    where = repository(tmp_path / "app", {"a": "a\n"})
    write(tmp_path / "secrets", {"key": "secret\n"})
    git(where, "config", "core.worktree", str(tmp_path / "secrets"))
    snapshot = await GitCheckout(where, GitHost("https://github.com")).snapshot(None)
    assert snapshot.changes == ()


async def test_a_git_file_that_points_to_somebody_else_s_repository_is_refused(tmp_path: Path):
    theirs = repository(tmp_path / "theirs", {"secret": "x\n"})
    write(tmp_path / "mine", {".git": f"gitdir: {theirs}/.git\n"})
    with pytest.raises(CheckoutError, match="is elsewhere"):
        await GitCheckout(tmp_path / "mine", GitHost("https://github.com")).snapshot(None)


@pytest.mark.parametrize("part", [".git", ".git/objects"])
async def test_a_link_to_somebody_else_s_repository_is_refused(tmp_path: Path, part: str):
    theirs = repository(tmp_path / "theirs", {"secret": "x\n"})
    mine = repository(tmp_path / "mine", {})
    (mine / part).rename(tmp_path / "away")
    (mine / part).symlink_to(theirs / part)
    with pytest.raises(CheckoutError, match="is elsewhere"):
        await GitCheckout(mine, GitHost("https://github.com")).snapshot(None)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Password for 'https://x-access-token@github.com': ", f"{SECRET}\n"),
        ("Password for 'https://x-access-token@github.com.evil.org': ", ""),
        ("Password for 'http://x-access-token@github.com': ", ""),
        ("Username for 'https://github.com': ", ""),
        ("Password for 'https://x-access-token@evil.org/?https://x-access-token@github.com': ", ""),
    ],
)
async def test_the_program_that_has_the_token_answers_one_question(
    tmp_path: Path, question: str, answer: str
):
    with askpass(tmp_path, "https://x-access-token@github.com", Token(SECRET)) as ready:
        script = ready.environment["GIT_ASKPASS"]
        assert SECRET not in Path(script).read_text()
        asked = await asyncio.create_subprocess_exec(
            *(script, question),
            env=dict(ready.environment),
            pass_fds=ready.pass_fds,
            stdout=asyncio.subprocess.PIPE,
        )
        assert (await asked.communicate())[0].decode() == answer


async def test_the_program_has_the_token_once(tmp_path: Path):
    question = "Password for 'https://x-access-token@github.com': "
    with askpass(tmp_path, "https://x-access-token@github.com", Token(SECRET)) as ready:
        answers = []
        for _ in range(2):
            asked = await asyncio.create_subprocess_exec(
                *(ready.environment["GIT_ASKPASS"], question),
                env=dict(ready.environment),
                pass_fds=ready.pass_fds,
                stdout=asyncio.subprocess.PIPE,
            )
            answers.append((await asked.communicate())[0].decode())
    assert answers == [f"{SECRET}\n", ""]
