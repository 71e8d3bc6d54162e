"""GitHub's deliveries: proven by their signature, and told to whom they concern."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from actors import errors
from actors.automation.messages import PullRequestNews
from actors.capacity.roll import Owner
from actors.migration.command import Elsewhere
from serve.reporting import webhooks
from serve.reporting.app import app

SECRET = "hush"
HERE = ("acme", "repo/one")


@dataclass(frozen=True)
class Place:
    worker_id: str


@dataclass
class Behind:
    """The capacity actor and the workers. ``moved``: the first worker says that another life has it."""

    news: list[tuple[str, str, PullRequestNews]] = field(default_factory=list)
    moved: bool = False
    workers: int = 1

    async def places(self) -> list[Place]:
        return [Place(f"w{number}") for number in range(self.workers)]

    async def home_of(self, owner: Owner) -> Place:
        return Place("w0")

    async def whereis(self, life: str) -> Place | None:
        return None

    async def with_pull_request(self, repository: str, number: int) -> list[tuple[str, str]]:
        return [HERE] if (repository, number) == ("acme/shop", 7) else []

    async def tell_news(self, installation: str, workspace_id: str, news: PullRequestNews) -> object:
        if self.moved and not news.dead:
            return Elsewhere("gateway:w9:dead")
        self.news.append((installation, workspace_id, news))
        return True


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    behind = Behind()
    monkeypatch.setattr(webhooks, "CapacityClient", lambda: behind)
    monkeypatch.setattr(webhooks, "WorkerClient", lambda worker_id: behind)
    webhooks.use(SECRET)
    yield behind
    webhooks.use("")


def told(action: str = "closed", *, merged: bool = True, number: int = 7) -> bytes:
    pull_request = {"number": number, "updated_at": "2026-03-01T12:00:00Z", "merged": merged}
    repository = {"full_name": "acme/shop"}
    return json.dumps(
        {"action": action, "pull_request": pull_request, "repository": repository, "sender": {"login": "m"}}
    ).encode()


async def deliver(body: bytes, *, secret: str = SECRET, **headers: str) -> httpx.Response:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    sent = {
        "X-Hub-Signature-256": f"sha256={signature}",
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "d-1",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        return await http.post(webhooks.PATH, content=body, headers=sent)


async def test_a_merge_is_told_to_its_workspace(behind: Behind):
    answer = await deliver(told())

    assert (answer.status_code, answer.json()) == (202, {"workspaces": 1})
    news = PullRequestNews("d-1", "acme/shop", 7, "merged", "2026-03-01T12:00:00Z", "m")
    assert behind.news == [(*HERE, news)]


@pytest.mark.parametrize(
    ("action", "state"),
    [("closed", "closed"), ("reopened", "open"), ("review_requested", "review-requested")],
)
async def test_what_happened_is_told_in_our_words(behind: Behind, action: str, state: str):
    await deliver(told(action, merged=False))

    assert behind.news[0][2].state == state


@pytest.mark.parametrize("headers", [{"X_GitHub_Event": "push"}, {"X_GitHub_Event": "ping"}])
async def test_what_is_about_something_else_is_taken_and_passed_over(behind: Behind, headers: dict[str, str]):
    assert (await deliver(b"{}", **headers)).json() == {"workspaces": 0}
    assert (await deliver(told("labeled"))).json() == {"workspaces": 0}
    assert (await deliver(told(number=8))).json() == {"workspaces": 0}
    assert behind.news == []


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=0000", "sha1=abc", "ä"])
async def test_what_github_did_not_sign_is_refused(behind: Behind, signature: str):
    headers = {"X-GitHub-Event": "pull_request", "X-Hub-Signature-256": signature.encode()}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
        answer = await http.post(webhooks.PATH, content=told(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, errors.ForbiddenError.code)
    assert (await deliver(told(), secret="other")).status_code == 403
    assert behind.news == []


async def test_without_a_secret_nothing_is_taken(behind: Behind):
    webhooks.use("")

    assert (await deliver(told(), secret="")).status_code == 403


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"action":"closed"}'])
async def test_a_delivery_that_cannot_be_read_is_refused(behind: Behind, body: bytes):
    assert (await deliver(body)).status_code == 400


async def test_a_workspace_of_a_worker_that_is_gone_is_taken_over(behind: Behind):
    behind.moved = True

    assert (await deliver(told())).json() == {"workspaces": 1}
    assert behind.news[0][2].dead == "gateway:w9:dead"


async def test_without_a_worker_github_is_told_to_come_again(behind: Behind):
    behind.workers = 0

    assert (await deliver(told())).status_code == 503


async def test_more_than_github_sends_is_refused(behind: Behind, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(webhooks, "MAX_BODY", 10)

    assert (await deliver(told())).status_code == 413
