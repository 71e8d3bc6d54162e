"""A checkout on this machine: what it holds becomes a tree, a commit, and a branch of the forge.

Nothing of it is changed but its store of objects, which gets more of them, and ``refs/lumilink/``, which
keeps those from being thrown away. Its index, HEAD, branches, configuration and files stay as they are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from actors.automation.askpass import askpass
from actors.automation.changes import DIFF, changes_between
from actors.automation.contract import (
    CommitOrder,
    LeftOut,
    Limits,
    PushResult,
    RepositoryName,
    Snapshot,
    Token,
)
from actors.automation.git import Finished, run
from actors.automation.origin import GitHost
from actors.automation.push import result_of
from actors.automation.scratch import Scratch, scratch
from actors.automation.selection import left_out, restore_submodules
from actors.automation.worktree import Worktree, find
from actors.errors import CheckoutError, ForgeUnreachableError, PushRefusedError

_KEPT: Final = "refs/lumilink/"
_CUT: Final = "[the rest of the changes is not shown]\n"


class GitCheckout:
    """The checkout that ``directory`` is in. Each git command, but for a push, has ``deadline_s``."""

    def __init__(
        self,
        directory: Path,
        host: GitHost,
        limits: Limits | None = None,
        *,
        deadline_s: float = 60.0,
        push_deadline_s: float = 120.0,
    ) -> None:
        self._directory = directory
        self._host = host
        self._limits = limits or Limits()
        self._deadline_s = deadline_s
        self._push_deadline_s = push_deadline_s
        self._worktree: Worktree | None = None

    async def repository(self) -> RepositoryName:
        """The repository that ``origin`` names. Raises CheckoutError where there is none of the forge's."""
        worktree = await self._found()
        config = str(worktree.common_dir / "config")
        told = await self._asked(worktree, "config", "--file", config, "--get", "remote.origin.url")
        if not told:
            raise CheckoutError(f"{worktree.top} has no origin")
        return self._host.repository(told)

    async def snapshot(self, parent: str | None) -> Snapshot:
        """Everything that git would add, against ``parent``, or against HEAD where that is None.

        Raises CheckoutError, and ChangesRefusedError where it is too much for a commit.
        """
        worktree = await self._found()
        base = await self._commit_named(worktree, parent or "HEAD")
        async with scratch(worktree, self._deadline_s) as ours:
            out = await left_out(ours, self._limits)
            await _add_all_but(ours, out)
            kept_back = await restore_submodules(ours, base)
            tree = (await ours.git("write-tree")).text()
            changes = await changes_between(ours, base, tree)
        known = {one.path for one in out}
        return Snapshot(base, tree, changes, (*out, *(one for one in kept_back if one.path not in known)))

    async def diff(self, snapshot: Snapshot, max_bytes: int) -> str:
        """The changes as a unified diff, cut at a line's end after ``max_bytes``, which it then says."""
        async with scratch(await self._found(), self._deadline_s) as ours:
            trees = (snapshot.parent, snapshot.tree)
            told = await ours.try_git(
                "diff-tree", *DIFF, "--patch", "--ignore-submodules=all", *trees, most_bytes=max_bytes
            )
        if told.code and not told.cut:
            raise CheckoutError(f"the changes cannot be shown: {told.err.strip()}")
        text = told.out.decode(errors="replace")
        return text[: text.rfind("\n") + 1] + _CUT if told.cut else text

    async def commit(self, order: CommitOrder) -> str:
        """The commit's name. The same order gives the same commit."""
        worktree = await self._found()
        snapshot = order.snapshot
        async with scratch(worktree, self._deadline_s) as ours:
            message = await _with_trailers(ours, order)
            made = await ours.git(
                *("commit-tree", snapshot.tree, "-p", snapshot.parent, "-F", "-"),
                stdin=message,
                environment=_identity(order),
            )
        commit = made.text()
        await self._keep(worktree, commit, instead_of=snapshot.parent)
        return commit

    async def push(self, commit: str, branch: str, token: Token) -> PushResult:
        """Let ``branch`` of ``origin`` be ``commit``; never a forced push.

        Raises PushRefusedError where the branch has moved or is protected; CredentialRefusedError,
        ForgeForbiddenError, RepositoryUnknownError and RepositoryBlockedError where the token does not open
        the repository; ForgeLimitError; and ForgeUnreachableError.
        """
        repository = await self.repository()
        ref = f"refs/heads/{branch}"
        async with scratch(await self._found(), self._deadline_s) as ours:
            if (await ours.try_git("check-ref-format", ref)).code:
                raise PushRefusedError(f"{branch!r} is no name for a branch")
            address = self._host.push_address(repository)
            try:
                done = await self._send(ours, address, f"{commit}:{ref}", token)
            except TimeoutError as error:
                raise ForgeUnreachableError(
                    f"the push to {repository} took more than {self._push_deadline_s:g} s"
                ) from error
        return result_of(done, repository, branch)

    async def _send(self, ours: Scratch, address: str, what: str, token: Token) -> Finished:
        """The push itself, by the one protocol that the forge has. Raises TimeoutError."""
        with askpass(ours.home, self._host.origin, token) as ready:
            return await run(
                [
                    *("-c", f"protocol.{self._host.scheme}.allow=always", "push", "--porcelain"),
                    *("--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no"),
                    *(address, what),
                ],
                cwd=ours.worktree.top,
                environment=ours.environment() | dict(ready.environment),
                deadline_s=self._push_deadline_s,
                pass_fds=ready.pass_fds,
            )

    async def _found(self) -> Worktree:
        if self._worktree is None:
            self._worktree = await find(self._directory, self._deadline_s)
        return self._worktree

    async def _asked(self, worktree: Worktree, *arguments: str, stdin: str = "") -> str:
        """What git says in the checkout itself, for what runs nothing there; empty where it fails."""
        try:
            told = await run(
                [f"--git-dir={worktree.git_dir}", *arguments],
                cwd=worktree.top,
                stdin=stdin.encode(),
                deadline_s=self._deadline_s,
            )
        except TimeoutError as error:
            raise CheckoutError(f"git {arguments[0]} took more than {self._deadline_s:g} s") from error
        return "" if told.code else told.text()

    async def _commit_named(self, worktree: Worktree, name: str) -> str:
        found = await self._asked(
            worktree, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
        if found:
            return found
        if name == "HEAD":
            raise CheckoutError(f"{worktree.top} has no commit yet")
        raise CheckoutError(f"the session's last commit {name} is not in {worktree.top}")

    async def _keep(self, worktree: Worktree, commit: str, instead_of: str) -> None:
        """A ref of our own on a session's last commit: what it leads to is not thrown away."""
        order = f"update {_KEPT}{commit} {commit}\n"
        if await self._asked(worktree, "rev-parse", "--verify", "--quiet", f"{_KEPT}{instead_of}"):
            order += f"delete {_KEPT}{instead_of}\n"
        await self._asked(worktree, "update-ref", "--stdin", stdin=order)


async def _add_all_but(ours: Scratch, out: tuple[LeftOut, ...]) -> None:
    """``git add --all`` into our index, without some paths."""
    paths = [":(top)", *(f":(top,exclude,literal){one.path}" for one in out)]
    await ours.git(
        *("add", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"),
        stdin=b"".join(os.fsencode(path) + b"\0" for path in paths),
    )


async def _with_trailers(ours: Scratch, order: CommitOrder) -> bytes:
    """The message, with the trailers as its last paragraph; one that is there already is not there twice."""
    message = order.message.replace("\0", "").strip() + "\n"
    if not order.trailers:
        return message.encode(errors="replace")
    trailers = (" ".join(one.split()) for one in order.trailers)
    done = await ours.git(
        *("interpret-trailers", "--no-divider", "--if-exists=addIfDifferent"),
        *(part for one in trailers for part in ("--trailer", one)),
        stdin=message.encode(errors="replace"),
    )
    return done.out


def _identity(order: CommitOrder) -> dict[str, str]:
    when = f"@{order.at} +0000"
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", order.author_name), ("EMAIL", order.author_email), ("DATE", when))
    }
