"""Users of the HTTP API: readers of reports, and administrators."""

from __future__ import annotations

import random
from typing import Final

import msgspec
from locust import FastHttpUser, between, task
from locust.env import Environment

from loadtests.locust.messages import problem_code
from loadtests.locust.peer import FailedError
from loadtests.locust.plan import Kind
from loadtests.locust.running import chosen_profile, credential

_PROFILE: Final = chosen_profile()
_API: Final = "/api/v1"
_WITHIN_S: Final = 30.0
_REFUSED: Final = 400
_UNCHANGED: Final = 304


class _Session(msgspec.Struct, rename="camel"):
    session_id: str


class _Sessions(msgspec.Struct):
    items: list[_Session]


class ApiUser(FastHttpUser):
    """Gets paths; a failure's text is the error's code. What was read before is asked for by its ETag."""

    abstract = True
    network_timeout = connection_timeout = _WITHIN_S
    wait_time = between(*_PROFILE.asks_every_s)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.chance = random.Random()
        self._headers = {"Authorization": f"Bearer {credential()}"} if credential() else {}
        self._tags: dict[str, str] = {}

    def get(self, path: str, query: str = "", name: str = "") -> bytes:
        """GET a path, counted under ``name``; empty where nothing has changed or it was refused."""
        asked = f"{path}?{query}" if query else path
        headers = dict(self._headers)
        if asked in self._tags:
            headers["If-None-Match"] = self._tags[asked]
        with self.client.request(
            "GET", asked, name=name or path, headers=headers, catch_response=True
        ) as answer:
            status, body = answer.status_code, answer.content or b""
            if status >= _REFUSED or not status:
                answer.failure(FailedError(problem_code(body, status)))
                return b""
            answer.success()
            if tag := (answer.headers or {}).get("ETag"):
                self._tags[asked] = tag
            return b"" if status == _UNCHANGED else body


class Reader(ApiUser):
    """Looks at sessions, what happened in them, and figures."""

    weight = _PROFILE.count(Kind.READER)

    def on_start(self) -> None:
        """Nothing is known yet."""
        self._sessions: list[str] = []

    @task(4)
    def sessions(self) -> None:
        """Those that go on."""
        body = self.get(f"{_API}/sessions", "live=true&limit=50")
        if body:
            self._sessions = [one.session_id for one in msgspec.json.decode(body, type=_Sessions).items]

    @task(4)
    def timeline(self) -> None:
        """What happened in one of them."""
        if self._sessions:
            found = self.chance.choice(self._sessions)
            self.get(f"{_API}/sessions/{found}/timeline", name=f"{_API}/sessions/{{id}}/timeline")

    @task(2)
    def search(self) -> None:
        """Entries with a word."""
        self.get(f"{_API}/transcripts", "q=agent&limit=50")

    @task(1)
    def summary(self) -> None:
        """Figures of the last day."""
        self.get(f"{_API}/summary")


class Administrator(ApiUser):
    """Looks after the gateway."""

    weight = _PROFILE.count(Kind.ADMINISTRATOR)

    @task(4)
    def topology(self) -> None:
        """Workers and replicas."""
        self.get(f"{_API}/topology")

    @task(2)
    def connections(self) -> None:
        """Links to agents that are not well."""
        self.get(f"{_API}/connections", "status=error")

    @task(2)
    def alerts(self) -> None:
        """What is wrong."""
        self.get(f"{_API}/capacity/alerts")

    @task(1)
    def metrics(self) -> None:
        """One scrape."""
        self.get("/metrics")
