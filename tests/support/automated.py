"""A gateway whose turns end on the GitHub of the tests' own, and checkouts of its repositories."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from support.gateway_process import GatewayProcess, free_port
from support.messages import Json

EXAMPLE_AGENT: Final = f"stdio:{sys.executable} -m actors.agents.example"
TOKEN: Final = "ghp_" + "k3Yb0aRd" * 4
WEBHOOK_SECRET: Final = "hush-hush-hush"
OWNER: Final = "acme"
BLOCKED: Final = "blocked"


@dataclass
class GitHubProcess:
    """The stand-in, in a process of its own."""

    host: str
    home: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def control(self, what: str, **told: object) -> None:
        """Switch something; see ``github_control.py``."""
        httpx.post(f"{self.url}/_control/{what}", json=told, timeout=10.0).raise_for_status()

    def repository(self, name: str) -> Json:
        """Its branches, issues and pull requests."""
        shown: Json = httpx.get(f"{self.url}/_control/state", timeout=10.0).json()["repositories"]
        return shown[f"{OWNER}/{name}"]

    def calls(self) -> list[str]:
        found: list[str] = httpx.get(f"{self.url}/_control/state", timeout=10.0).json()["calls"]
        return found

    def checkout(self, path: Path, name: str) -> Path:
        """A clone of a repository that is new, as a container would have it."""
        self.control("repositories", owner=OWNER, name=name, files={"README.md": "A shop.\n"})
        git(path.parent, "clone", "--quiet", str(self.home / OWNER / f"{name}.git"), str(path))
        git(path, "remote", "set-url", "origin", f"{self.url}/{OWNER}/{name}.git")
        return path

    def show(self, name: str, ref: str, path: str) -> str:
        """A file of a repository, as it was pushed."""
        return git(self.home / OWNER / f"{name}.git", "show", f"{ref}:{path}")

    def commits(self, name: str, ref: str) -> list[str]:
        """The subjects of a branch's commits, newest first."""
        return git(self.home / OWNER / f"{name}.git", "log", "--format=%s", ref).splitlines()


def git(cwd: Path, *arguments: str) -> str:
    """What git says. Raises CalledProcessError where it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


@contextmanager
def github_process(home: Path) -> Iterator[GitHubProcess]:
    """The stand-in with one repository that is blocked."""
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "support.github_server", "--port", str(free_port())]
    command += ["--home", str(home), "--token", TOKEN]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1], stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline().split()
        assert ready[:1] == ["ready"], ready
        yield GitHubProcess(ready[1].removeprefix("http://"), home)
    finally:
        process.terminate()
        process.communicate(timeout=10.0)


@contextmanager
def automated_gateway(folder: Path, github: GitHubProcess, **settings: object) -> Iterator[GatewayProcess]:
    """The gateway; the token is in its environment, and nowhere else."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LUMILINK_GITHUB_TOKEN", TOKEN)
        environment.setenv("LUMILINK_GITHUB_WEBHOOK_SECRET", WEBHOOK_SECRET)
        environment.setenv("LUMILINK_AUTOMATION_REPOSITORIES_DENIED", json.dumps([f"{OWNER}/{BLOCKED}"]))
        known: dict[str, object] = {
            "automation": "on",
            "github_url": github.url,
            "github_api_url": f"{github.url}/api/v3",
            "dashboard": False,
        }
        with GatewayProcess(folder, EXAMPLE_AGENT, **(known | settings)) as running:
            yield running


def delivery(action: str, repository: str, number: int, at: str, *, merged: bool = False) -> bytes:
    """The body of a webhook about a pull request."""
    told: Json = {
        "action": action,
        "number": number,
        "pull_request": {"number": number, "updated_at": at, "merged": merged},
        "repository": {"full_name": f"{OWNER}/{repository}"},
        "sender": {"login": "mona"},
    }
    return json.dumps(told).encode()


def deliver(gateway: GatewayProcess, body: bytes, delivery_id: str = "", secret: str = WEBHOOK_SECRET) -> Any:
    """Deliver it as GitHub does; returns the answer."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": delivery_id or str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
        "Content-Type": "application/json",
    }
    return httpx.post(f"{gateway.url}/api/v1/webhooks/github", content=body, headers=headers, timeout=15.0)


def holds_token(folder: Path) -> list[str]:
    """The files below a folder that hold the token."""
    files = (Path(directory, name) for directory, _, names in os.walk(folder) for name in names)
    plain = (path for path in files if path.is_file() and not path.is_symlink())
    return [str(path) for path in plain if TOKEN.encode() in path.read_bytes()]
