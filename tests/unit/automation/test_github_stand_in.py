"""The stand-in of GitHub answers as GitHub's OpenAPI description says, from which githubkit's models come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from githubkit_schemas.latest import models
from pydantic import TypeAdapter
from support.git_files import git
from support.github_server import github_server
from support.github_state import GitHubState

NOW = 1_800_000_000.0
BRANCH = "topic/one"


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a stand-in with one of everything."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    state = GitHubState(tmp_path, clock=lambda: NOW, app_key=public.decode())
    repository = state.add_repository("acme", "app")
    git(
        repository.path,
        "branch",
        BRANCH,
        git(repository.path, "commit-tree", "main^{tree}", "-p", "main", "-m", "m"),
    )
    state.add_token("ghs_all")
    app = jwt.encode({"iss": "4711", "iat": NOW - 60, "exp": NOW + 540}, key, algorithm="RS256")
    async with (
        github_server(state) as server,
        httpx.AsyncClient(
            base_url=server.api,
            headers={"authorization": "Bearer ghs_all"},
            event_hooks={"request": [lambda request: _as_app(request, app)]},
        ) as client,
    ):
        await client.post("/repos/acme/app/issues", json={"title": "Title", "body": "Body."})
        await client.post("/repos/acme/app/pulls", json={"title": "T", "head": BRANCH, "base": "main"})
        yield client


async def _as_app(request: httpx.Request, app: str) -> None:
    if request.url.path.endswith(("/installation", "/access_tokens")):
        request.headers["authorization"] = f"Bearer {app}"


ANSWERS = [
    ("GET", "/repos/acme/app", None, models.FullRepository),
    ("GET", f"/repos/acme/app/git/ref/heads/{BRANCH}", None, models.GitRef),
    ("GET", "/repos/acme/app/issues?state=all", None, list[models.Issue]),
    ("POST", "/repos/acme/app/issues", {"title": "Title"}, models.Issue),
    ("GET", "/repos/acme/app/pulls", None, list[models.PullRequestSimple]),
    ("GET", "/repos/acme/app/installation", None, models.Installation),
    ("POST", "/app/installations/7/access_tokens", {"permissions": {}}, models.InstallationToken),
    ("GET", "/rate_limit", None, models.RateLimitOverview),
    ("GET", "/repos/acme/gone", None, models.BasicError),
    ("POST", "/repos/acme/app/issues", {}, models.ValidationError),
]


@pytest.mark.parametrize(("method", "path", "body", "model"), ANSWERS, ids=lambda one: str(one)[:60])
async def test_an_answer_is_of_its_model(
    github: httpx.AsyncClient, method: str, path: str, body: object, model: object
):
    answer = await github.request(method, path, json=body)
    assert answer.json() != []
    TypeAdapter(model).validate_json(answer.content)


async def test_a_new_pull_request_is_of_its_model(github: httpx.AsyncClient):
    listed = (await github.get("/repos/acme/app/pulls")).json()[0]
    again = await github.post("/repos/acme/app/pulls", json={"title": "T", "head": BRANCH, "base": "main"})
    assert (again.status_code, "already exists" in again.text) == (422, True)
    closed = {"owner": "acme", "name": "app", "number": listed["number"]}
    await github.post(str(github.base_url).replace("/api/v3/", "/_control/pull"), json=closed)
    made = await github.post("/repos/acme/app/pulls", json={"title": "T", "head": BRANCH, "base": "main"})
    pull = models.PullRequest.model_validate_json(made.content)
    assert (pull.state, pull.head.ref, pull.base.ref) == ("open", BRANCH, "main")
