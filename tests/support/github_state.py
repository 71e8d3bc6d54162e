"""What the stand-in of GitHub holds: repositories, tokens, limits, and faults to switch on."""

from __future__ import annotations

import asyncio
import re
import secrets
import subprocess
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from support.git_files import git

ALL = {"contents": "write", "issues": "write", "pull_requests": "write", "metadata": "read"}
MINUTE = 60.0

_HOOK = """\
#!/bin/sh
if grep --quiet --line-regexp --fixed-strings "$1" "$GIT_DIR/protected" 2>/dev/null; then
    echo "error: GH006: Protected branch update failed for $1." >&2
    exit 1
fi
"""


@dataclass
class HeldIssue:
    id: int
    number: int
    title: str
    body: str | None
    created_at: float
    state: str = "open"


@dataclass
class HeldPull:
    id: int
    number: int
    title: str
    body: str | None
    head: str
    base: str
    sha: str
    state: str = "open"
    merged_at: float | None = None


@dataclass
class Repository:
    """A repository, with a bare one at ``path`` that really is pushed to."""

    id: int
    owner: str
    name: str
    path: Path
    default_branch: str = "main"
    archived: bool = False
    has_issues: bool = True
    may_push: bool = True
    installed: bool = True
    issues: list[HeldIssue] = field(default_factory=list)
    pulls: list[HeldPull] = field(default_factory=list)

    def next_number(self) -> int:
        """Issues and pull requests are numbered together."""
        return len(self.issues) + len(self.pulls) + 1

    def branches(self) -> dict[str, str]:
        told = git(self.path, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads/")
        return dict(line.split(" ", 1) for line in told.splitlines())

    def protect(self, branch: str) -> None:
        with (self.path / "protected").open("a") as file:
            file.write(f"refs/heads/{branch}\n")


@dataclass
class Grant:
    """What a token opens: all repositories, or one; ``uses`` are the calls of the running hour."""

    repositories: list[str] | None = None
    permissions: dict[str, str] = field(default_factory=lambda: dict(ALL))
    expires_at: float | None = None
    uses: int = 0
    window_ends: float = 0.0


@dataclass
class Fault:
    """What happens to the next ``times`` calls whose "METHOD /path" matches ``calls``.

    ``status`` with ``body`` and ``headers`` is answered in place of what the call would have done; 0 is no
    answer at all. ``delay_s`` comes before everything. With ``after``, the call is carried out first.
    """

    calls: str
    status: int | None = None
    body: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    after: bool = False
    times: int = 1


@dataclass
class GitHubState:
    """Everything. ``clock`` gives epoch seconds; limits are off where they are None.

    An hour of the limits has ``hour_s`` seconds; ``limited`` counts the calls that a limit refused.
    """

    home: Path
    clock: Callable[[], float] = time.time
    app_id: str = "4711"
    app_key: str = ""
    calls_an_hour: int | None = None
    contents_a_minute: int | None = None
    hour_s: float = 3600.0
    limited: int = 0
    refused_permissions: set[str] = field(default_factory=set)
    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: dict[str, Grant] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    made: deque[float] = field(default_factory=deque)
    redirect_git_to: str = ""
    on_call: Callable[[str], None] | None = None
    after_call: Callable[[str], Awaitable[None]] | None = None
    _ids: int = 1000

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    def add_repository(
        self, owner: str, name: str, files: dict[str, str | bytes] | None = None
    ) -> Repository:
        """A repository with one commit on ``main``."""
        path = self.home / owner / f"{name}.git"
        path.mkdir(parents=True)
        git(path, "init", "--quiet", "--bare", "--initial-branch=main")
        git(path, "config", "http.receivepack", "true")
        (path / "hooks").mkdir(exist_ok=True)
        (path / "hooks" / "update").write_text(_HOOK)
        (path / "hooks" / "update").chmod(0o755)
        repository = Repository(self.next_id(), owner, name, path)
        self.repositories[f"{owner}/{name}".lower()] = repository
        git(path, "fast-import", "--quiet", stdin=_imported(files or {"README.md": f"# {name}\n"}))
        return repository

    def add_token(self, secret: str, grant: Grant | None = None) -> str:
        self.tokens[secret] = grant or Grant()
        return secret

    def mint(self, repositories: list[str] | None, permissions: dict[str, str]) -> tuple[str, float]:
        secret = f"ghs_{secrets.token_hex(18)}"
        expires_at = self.clock() + 3600
        self.tokens[secret] = Grant(repositories, permissions, expires_at)
        return secret, expires_at

    def grant(self, secret: str | None) -> Grant | None:
        """What a token opens; None where it is unknown or has expired."""
        found = self.tokens.get(secret or "")
        if found is None or (found.expires_at is not None and found.expires_at <= self.clock()):
            return None
        return found

    def fault(self, call: str) -> Fault | None:
        """The fault that this call runs into, which is one fewer from now on."""
        for one in self.faults:
            if one.times > 0 and re.fullmatch(one.calls, call):
                one.times -= 1
                return one
        return None

    def visible(self, grant: Grant | None, owner: str, name: str) -> Repository | None:
        found = self.repositories.get(f"{owner}/{name}".lower())
        if found is None or grant is None:
            return None
        return found if grant.repositories is None or found.name in grant.repositories else None

    def secondary_limit_s(self) -> float | None:
        """Count something that is made; how long to wait where it is too much for a minute."""
        now = self.clock()
        while self.made and self.made[0] <= now - MINUTE:
            self.made.popleft()
        if self.contents_a_minute is not None and len(self.made) >= self.contents_a_minute:
            self.limited += 1
            return self.made[0] + MINUTE - now
        self.made.append(now)
        return None


def _imported(files: dict[str, str | bytes]) -> bytes:
    stream = b"commit refs/heads/main\ncommitter Ada <ada@example.org> 1700000000 +0000\ndata 5\nfirst\n"
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        stream += f"M 100644 inline {name}\ndata {len(data)}\n".encode() + data + b"\n"
    return stream


async def clone(repository: Repository, address: str, to: Path) -> Path:
    """A checkout of a repository whose origin is ``address``."""
    await asyncio.to_thread(
        subprocess.run,
        ["git", "clone", "--quiet", str(repository.path), str(to)],
        check=True,
        timeout=30,
    )
    await asyncio.to_thread(git, to, "remote", "set-url", "origin", address)
    return to
