"""What the stand-in of GitHub answers, in the form that GitHub's OpenAPI description gives it."""

from __future__ import annotations

from datetime import UTC, datetime

from githubkit_schemas.latest import models

from support.github_shapes import Body, shape
from support.github_state import ALL, HeldIssue, HeldPull, Repository


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def repository_body(repository: Repository, host: str, may_push: bool) -> Body:
    rights = {"admin": False, "pull": True, "push": may_push}
    return shape(models.FullRepository, **_repository(repository, host), permissions=rights)


def _repository(repository: Repository, host: str) -> Body:
    name = f"{repository.owner}/{repository.name}"
    return {
        "id": repository.id,
        "name": repository.name,
        "full_name": name,
        "html_url": f"{host}/{name}",
        "owner": {"login": repository.owner, "id": 1, "type": "Organization"},
        "default_branch": repository.default_branch,
        "archived": repository.archived,
        "has_issues": repository.has_issues,
    }


def ref_body(branch: str, sha: str) -> Body:
    return shape(models.GitRef, ref=f"refs/heads/{branch}", object={"type": "commit", "sha": sha})


def issue_body(repository: Repository, issue: HeldIssue, host: str) -> Body:
    return shape(
        models.Issue,
        id=issue.id,
        number=issue.number,
        title=issue.title,
        body=issue.body,
        state=issue.state,
        html_url=f"{host}/{repository.owner}/{repository.name}/issues/{issue.number}",
        created_at=moment(issue.created_at),
        updated_at=moment(issue.created_at),
        author_association="NONE",
    )


def pull_as_issue_body(repository: Repository, pull: HeldPull, host: str, at: float) -> Body:
    """A pull request as the list of issues has it."""
    issue = HeldIssue(pull.id, pull.number, pull.title, pull.body, at, pull.state)
    urls = {"url": "", "html_url": "", "diff_url": "", "patch_url": ""}
    body = issue_body(repository, issue, host)
    return body | {"pull_request": shape(models.IssuePropPullRequest, **urls)}


def pull_body(repository: Repository, pull: HeldPull, host: str, listed: bool = False) -> Body:
    """A pull request; in a list it has fewer fields."""
    return shape(
        models.PullRequestSimple if listed else models.PullRequest,
        id=pull.id,
        number=pull.number,
        title=pull.title,
        body=pull.body,
        state=pull.state,
        html_url=f"{host}/{repository.owner}/{repository.name}/pull/{pull.number}",
        user={"login": "bot"},
        head={"ref": pull.head, "sha": pull.sha, "label": f"{repository.owner}:{pull.head}"},
        base={"ref": pull.base, "label": f"{repository.owner}:{pull.base}"},
        merged_at=None if pull.merged_at is None else moment(pull.merged_at),
    )


def installation_body(app_id: str, repository: Repository) -> Body:
    return shape(
        models.Installation,
        id=7,
        app_id=int(app_id),
        account={"login": repository.owner},
        permissions=dict(ALL),
    )


def token_body(secret: str, expires_at: float, permissions: dict[str, str]) -> Body:
    return shape(
        models.InstallationToken, token=secret, expires_at=moment(expires_at), permissions=permissions
    )


def rate_limit_body(limit: int, used: int, reset: float) -> Body:
    core = {"limit": limit, "used": used, "remaining": max(limit - used, 0), "reset": int(reset)}
    return shape(models.RateLimitOverview, resources={"core": core, "search": core})


def problem(message: str, **others: object) -> Body:
    """An error, as every endpoint has it."""
    return {"message": message, "documentation_url": "https://docs.github.com/rest", **others}
