"""Switching the stand-in of GitHub from another process, under ``/_control/``.

POST /_control/repositories  {"owner", "name", "files"?}
POST /_control/tokens        {"secret", "permissions"?, "repositories"?}
POST /_control/faults        a Fault's fields
POST /_control/limits        {"calls_an_hour"?, "contents_a_minute"?, "hour_s"?: how long an hour is}
POST /_control/repository    {"owner", "name", "protect"?: a branch's name,
                             "archived"?, "may_push"?, "has_issues"?, "installed"?}
POST /_control/pull          {"owner", "name", "number", "state"?, "merged"?}
GET  /_control/state         repositories with branches, issues and pull requests; the calls so far, and
                             how many of them a limit refused
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.github_state import ALL, Fault, GitHubState, Grant, Repository


class Control:
    def __init__(self, state: GitHubState) -> None:
        self.state = state

    async def add_repository(self, request: Request) -> Response:
        told = await request.json()
        self.state.add_repository(told["owner"], told["name"], told.get("files"))
        return Response(status_code=204)

    async def add_token(self, request: Request) -> Response:
        told = await request.json()
        grant = Grant(told.get("repositories"), told.get("permissions", dict(ALL)))
        self.state.add_token(told["secret"], grant)
        return Response(status_code=204)

    async def add_fault(self, request: Request) -> Response:
        self.state.faults.append(Fault(**await request.json()))
        return Response(status_code=204)

    async def set_limits(self, request: Request) -> Response:
        told = await request.json()
        self.state.calls_an_hour = told.get("calls_an_hour")
        self.state.contents_a_minute = told.get("contents_a_minute")
        self.state.hour_s = told.get("hour_s", 3600.0)
        return Response(status_code=204)

    async def set_repository(self, request: Request) -> Response:
        told = await request.json()
        repository = self._named(told)
        for name in ("archived", "may_push", "has_issues", "installed"):
            setattr(repository, name, told.get(name, getattr(repository, name)))
        if "protect" in told:
            repository.protect(told["protect"])
        return Response(status_code=204)

    async def set_pull(self, request: Request) -> Response:
        told = await request.json()
        pull = next(one for one in self._named(told).pulls if one.number == told["number"])
        pull.state = told.get("state", "closed")
        pull.merged_at = self.state.clock() if told.get("merged") else pull.merged_at
        return Response(status_code=204)

    async def show(self, request: Request) -> Response:
        shown = {
            name: {
                "branches": one.branches(),
                "issues": [asdict(issue) for issue in one.issues],
                "pulls": [asdict(pull) for pull in one.pulls],
            }
            for name, one in self.state.repositories.items()
        }
        return JSONResponse(
            {
                "repositories": shown,
                "calls": self.state.calls,
                "limited": self.state.limited,
                "tokens": len(self.state.tokens),
            }
        )

    def _named(self, told: dict[str, Any]) -> Repository:
        return self.state.repositories[f"{told['owner']}/{told['name']}".lower()]


def control_routes(state: GitHubState) -> list[Route]:
    control = Control(state)
    posts = {
        "repositories": control.add_repository,
        "tokens": control.add_token,
        "faults": control.add_fault,
        "limits": control.set_limits,
        "repository": control.set_repository,
        "pull": control.set_pull,
    }
    return [
        Route("/_control/state", control.show),
        *(Route(f"/_control/{name}", answer, methods=["POST"]) for name, answer in posts.items()),
    ]
