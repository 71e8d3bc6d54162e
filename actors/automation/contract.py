"""What an automation is made of: the checkout on one side, the forge on the other, credentials between.

All effects are repeatable. A commit is made of a tree, a parent, a message and the moment at which its run
was asked for, so that making it again gives the same commit; branches, issues and pull requests are looked
for before they are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RepositoryName:
    """A repository of the forge, as its API names it."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Token:
    """What opens a repository. ``expires_at`` is in epoch seconds; None if it does not expire."""

    value: str = field(repr=False)
    expires_at: float | None = None


class ChangeKind(StrEnum):
    """What happened to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"
    RENAMED = "renamed"
    MODE = "mode"
    """Its mode alone, or its type (a file that became a symbolic link)."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs. ``size`` is in bytes, 0 where it was deleted; ``before`` is its former path."""

    path: str
    kind: ChangeKind
    size: int
    binary: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that differs and is not committed; ``reason`` is a sentence for people."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A checkout's files at one moment, as a git tree, against ``parent``.

    ``parent`` is the last commit of the session's branch, or else what is checked out. ``tree`` is the tree
    of ``parent`` where nothing changed.
    """

    parent: str
    tree: str
    changes: tuple[FileChange, ...]
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class CommitOrder:
    """Everything that a commit depends on. ``at`` is in epoch seconds; trailers are ``Key: value`` lines."""

    snapshot: Snapshot
    message: str
    author_name: str
    author_email: str
    at: int
    trailers: tuple[str, ...] = ()


class PushResult(StrEnum):
    """What a push did."""

    DONE = "done"
    ALREADY_THERE = "already-there"


class Checkout(Protocol):
    """A git checkout that an agent works in. Its index, HEAD and branches are left as they are."""

    async def repository(self) -> RepositoryName:
        """The repository that ``origin`` names. Raises CheckoutError where there is none of the forge's."""

    async def snapshot(self, parent: str | None) -> Snapshot:
        """Everything that git would add, against ``parent``, or against HEAD where that is None."""

    async def diff(self, snapshot: Snapshot, max_bytes: int) -> str:
        """The changes as a unified diff, cut at a line's end after ``max_bytes``, which it then says."""

    async def commit(self, order: CommitOrder) -> str:
        """The commit's name. The same order gives the same commit."""

    async def push(self, commit: str, branch: str, token: Token) -> PushResult:
        """Let ``branch`` of ``origin`` be ``commit``; never a forced push.

        Raises PushRefusedError where the branch has moved or is protected, and ForgeUnreachableError.
        """


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """What the forge says of a repository to the holder of a token."""

    default_branch: str
    archived: bool
    may_push: bool
    has_issues: bool


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue. ``id`` is the forge's own, ``number`` the repository's."""

    id: int
    number: int
    url: str
    title: str


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request. ``state`` is open, closed or merged."""

    number: int
    url: str
    branch: str
    base: str
    state: str = "open"


class Forge(Protocol):
    """The forge's API. Every method raises the errors of ``actors/errors/automation.py``.

    What is made carries a mark: an invisible line with the run's key, by which it is found again.
    """

    async def facts(self, repository: RepositoryName, token: Token) -> RepositoryFacts:
        """Raises RepositoryUnknownError where it is not there, or not for this token."""

    async def branch(self, repository: RepositoryName, branch: str, token: Token) -> str | None:
        """The commit that a branch is at; None if there is none."""

    async def issue(
        self, repository: RepositoryName, title: str, body: str, mark: str, since: float, token: Token
    ) -> Issue:
        """The issue with this mark, opened if there is none. The run began after ``since``, epoch seconds."""

    async def pull_request(
        self, repository: RepositoryName, branch: str, base: str, title: str, body: str, token: Token
    ) -> PullRequest:
        """The open pull request of ``branch``, opened if there is none."""


class Credentials(Protocol):
    """Tokens of sessions: in memory only, one flight a key, renewed before they expire."""

    async def token(self, session_id: str, repository: RepositoryName) -> Token:
        """Raises CredentialMissingError where there is nothing to make one of."""

    async def revoke(self, session_id: str) -> None:
        """The session is over: its tokens are ended, where the forge can end them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a commit may hold: bytes a file, bytes and files in all."""

    file_bytes: int = 10 * 1024 * 1024
    total_bytes: int = 100 * 1024 * 1024
    files: int = 10_000
    refused: Sequence[str] = ()
    """Patterns (as .gitignore's) of paths that are never committed, beside what .gitignore says."""
