"""The endpoints of GitHub's API that the product uses, over the stand-in's state."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support import github_bodies as bodies
from support.github_bodies import problem
from support.github_state import GitHubState, Grant, HeldIssue, HeldPull, Repository

PAGE = 30


class RefusedError(Exception):
    """What is answered in place of what was asked for."""

    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None, **others: object
    ) -> None:
        super().__init__(message)
        self.response = JSONResponse(problem(message, **others), status, headers)


Answer = Callable[[Request], Awaitable[Response]]


class GitHubApi:
    """Each endpoint is a method. ``host`` is the address that pages are named by."""

    def __init__(self, state: GitHubState, host: str = "https://github.example") -> None:
        self.state = state
        self.host = host

    def routes(self) -> list[Route]:
        repo = "/repos/{owner}/{name}"
        return [
            Route(repo, self._guarded(self.repository)),
            Route(f"{repo}/git/ref/heads/{{branch:path}}", self._guarded(self.ref)),
            Route(f"{repo}/issues", self._guarded(self.issues)),
            Route(f"{repo}/issues", self._guarded(self.open_issue), methods=["POST"]),
            Route(f"{repo}/pulls", self._guarded(self.pulls)),
            Route(f"{repo}/pulls", self._guarded(self.open_pull), methods=["POST"]),
            Route(f"{repo}/installation", self._guarded(self.installation)),
            Route(
                "/app/installations/{id:int}/access_tokens",
                self._guarded(self.access_token),
                methods=["POST"],
            ),
            Route("/installation/token", self._guarded(self.end_token), methods=["DELETE"]),
            Route("/rate_limit", self._guarded(self.rate_limit)),
        ]

    def _guarded(self, answer: Answer) -> Answer:
        async def guarded(request: Request) -> Response:
            try:
                return await answer(request)
            except RefusedError as refused:
                return refused.response

        return guarded

    async def repository(self, request: Request) -> Response:
        repository, grant = self._opened(request)
        may_push = grant.permissions.get("contents") == "write" and repository.may_push
        return JSONResponse(bodies.repository_body(repository, self.host, may_push))

    async def ref(self, request: Request) -> Response:
        repository, _ = self._opened(request)
        branch = request.path_params["branch"]
        sha = repository.branches().get(branch)
        if sha is None:
            raise RefusedError(404, "Not Found")
        return JSONResponse(bodies.ref_body(branch, sha))

    async def issues(self, request: Request) -> Response:
        """The list of issues, in which pull requests are issues too."""
        repository, _ = self._opened(request)
        asked = request.query_params
        since = asked.get("since", "")
        listed = [bodies.issue_body(repository, one, self.host) for one in repository.issues]
        listed += [
            bodies.pull_as_issue_body(repository, one, self.host, self.state.clock())
            for one in repository.pulls
        ]
        listed = [one for one in listed if one["updated_at"] >= since[:19]]
        if asked.get("state", "open") != "all":
            listed = [one for one in listed if one["state"] == asked.get("state", "open")]
        listed.sort(key=lambda one: one["number"], reverse=asked.get("direction", "desc") == "desc")
        return self._page(request, listed)

    async def open_issue(self, request: Request) -> Response:
        repository, grant = self._opened(request)
        if not repository.has_issues:
            raise RefusedError(410, "Issues has been disabled in this repository.")
        self._may_make(repository, grant, "issues")
        told = await request.json()
        if not told.get("title"):
            raise _invalid("Issue", "title", "missing_field")
        issue = HeldIssue(
            self.state.next_id(),
            repository.next_number(),
            told["title"],
            told.get("body"),
            self.state.clock(),
        )
        repository.issues.append(issue)
        return JSONResponse(bodies.issue_body(repository, issue, self.host), 201)

    async def pulls(self, request: Request) -> Response:
        repository, _ = self._opened(request)
        asked = request.query_params
        state, head = asked.get("state", "open"), asked.get("head", "")
        found = [
            self._current(repository, one)
            for one in repository.pulls
            if state in ("all", one.state) and head in ("", f"{repository.owner}:{one.head}")
        ]
        return self._page(
            request, [bodies.pull_body(repository, one, self.host, listed=True) for one in reversed(found)]
        )

    async def open_pull(self, request: Request) -> Response:
        repository, grant = self._opened(request)
        self._may_make(repository, grant, "pull_requests")
        told = await request.json()
        branches = repository.branches()
        head, base = told["head"].removeprefix(f"{repository.owner}:"), told["base"]
        for name, branch in (("head", head), ("base", base)):
            if branch not in branches:
                raise _invalid("PullRequest", name, "invalid")
        if branches[head] == branches[base]:
            raise _custom(f"No commits between {base} and {head}")
        if any(one.head == head and one.base == base and one.state == "open" for one in repository.pulls):
            raise _custom(f"A pull request already exists for {repository.owner}:{head}.")
        pull = HeldPull(
            self.state.next_id(),
            repository.next_number(),
            told["title"],
            told.get("body"),
            head,
            base,
            branches[head],
        )
        repository.pulls.append(pull)
        return JSONResponse(bodies.pull_body(repository, pull, self.host), 201)

    async def installation(self, request: Request) -> Response:
        self._app(request)
        repository = self._named(request)
        if repository is None or not repository.installed:
            raise RefusedError(404, "Not Found")
        return JSONResponse(bodies.installation_body(self.state.app_id, repository))

    async def access_token(self, request: Request) -> Response:
        self._app(request)
        asked = await request.json() if await request.body() else {}
        if self.state.refused_permissions & set(asked.get("permissions", {})):
            raise RefusedError(422, "The permissions requested are not granted to this installation.")
        secret, expires_at = self.state.mint(asked.get("repositories"), asked.get("permissions", {}))
        permissions = self.state.tokens[secret].permissions
        return JSONResponse(bodies.token_body(secret, expires_at, permissions), 201)

    async def end_token(self, request: Request) -> Response:
        secret = bearer(request)
        if self.state.grant(secret) is None:
            raise RefusedError(401, "Bad credentials")
        del self.state.tokens[secret]
        return Response(status_code=204)

    async def rate_limit(self, request: Request) -> Response:
        grant = self.state.grant(bearer(request))
        if grant is None:
            raise RefusedError(401, "Bad credentials")
        limit = self.state.calls_an_hour or 5000
        return JSONResponse(bodies.rate_limit_body(limit, grant.uses, grant.window_ends))

    def _named(self, request: Request) -> Repository | None:
        name = f"{request.path_params['owner']}/{request.path_params['name']}"
        return self.state.repositories.get(name.lower())

    def _opened(self, request: Request) -> tuple[Repository, Grant]:
        """The repository, where the token opens it; else it is as if there were none."""
        grant = self.state.grant(bearer(request))
        if grant is None:
            raise RefusedError(401, "Bad credentials")
        self._count(grant)
        repository = self.state.visible(grant, request.path_params["owner"], request.path_params["name"])
        if repository is None:
            raise RefusedError(404, "Not Found")
        return repository, grant

    def _count(self, grant: Grant) -> None:
        now = self.state.clock()
        if now >= grant.window_ends:
            grant.uses, grant.window_ends = 0, now + self.state.hour_s
        grant.uses += 1
        limit = self.state.calls_an_hour
        if limit is not None and grant.uses > limit:
            self.state.limited += 1
            told = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(grant.window_ends))}
            raise RefusedError(403, "API rate limit exceeded for installation ID 7.", told)

    def _may_make(self, repository: Repository, grant: Grant, right: str) -> None:
        if repository.archived:
            raise RefusedError(403, "Repository was archived so is read-only.")
        if grant.permissions.get(right) != "write":
            needed = {"x-accepted-github-permissions": f"{right}=write"}
            raise RefusedError(403, "Resource not accessible by integration", needed)
        wait_s = self.state.secondary_limit_s()
        if wait_s is not None:
            told = {"retry-after": str(int(wait_s) + 1)}
            raise RefusedError(403, "You have exceeded a secondary rate limit.", told)

    def _app(self, request: Request) -> None:
        """A call that the app itself makes, by a JSON Web Token."""
        now = self.state.clock()
        try:
            # Its times are checked below, by the stand-in's clock.
            by_our_clock = {"verify_exp": False, "verify_iat": False}
            claims = jwt.decode(
                bearer(request), self.state.app_key, algorithms=["RS256"], options=by_our_clock
            )
        except jwt.PyJWTError:
            raise RefusedError(401, "A JSON web token could not be decoded") from None
        if claims["iss"] != self.state.app_id or not claims["iat"] <= now < claims["exp"] <= now + 600:
            raise RefusedError(401, "'Expiration time' claim ('exp') is too far in the future")

    def _current(self, repository: Repository, pull: HeldPull) -> HeldPull:
        """A pull request follows its branch."""
        pull.sha = repository.branches().get(pull.head, pull.sha)
        return pull

    def _page(self, request: Request, listed: list[bodies.Body]) -> Response:
        size = min(int(request.query_params.get("per_page", PAGE)), 100)
        page = int(request.query_params.get("page", 1))
        last = page * size >= len(listed)
        following = request.url.include_query_params(page=page + 1)
        headers = {} if last else {"link": f'<{following}>; rel="next"'}
        return JSONResponse(listed[(page - 1) * size : page * size], headers=headers)


def bearer(request: Request) -> str:
    """What the call is made with."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret if scheme.lower() in ("bearer", "token") else ""


def _invalid(resource: str, field: str, code: str) -> RefusedError:
    return RefusedError(
        422, "Validation Failed", errors=[{"resource": resource, "field": field, "code": code}]
    )


def _custom(message: str) -> RefusedError:
    details = [{"resource": "PullRequest", "code": "custom", "message": message}]
    return RefusedError(422, "Validation Failed", errors=details)
