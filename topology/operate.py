"""What an operator asks of a running gateway, over its HTTP interface."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import httpx
from rich.console import Console, Group, RenderableType
from rich.table import Table

from actors import errors
from actors.link.calls import error_from_wire

ANSWER_S: Final = 15.0
DRAIN_MARGIN_S: Final = 60.0
"""How much longer than its deadline a drain may take: hand-over, and the start of the next process."""
_POLL_S: Final = 0.5

Answer = dict[str, Any]


class Gateway:
    """A gateway's HTTP interface, to which ``key`` is shown.

    Each method raises GatewayUnreachableError, or what it answered.
    """

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def topology(self) -> Answer:
        """Workers and ingress replicas."""
        return self._ask("GET", "/api/v1/topology")

    def pool(self) -> Answer:
        """How many workers there are to be."""
        return self._ask("GET", "/api/v1/pool")

    def scale(self, workers: int) -> Answer:
        """Have this many workers from now on."""
        return self._ask("PUT", "/api/v1/pool", {"workers": workers})

    def drain(self, worker_id: str, deadline_s: float) -> Answer:
        """Let a worker's sessions go on elsewhere, and the worker start anew."""
        return self._ask("POST", f"/api/v1/workers/{worker_id}/drain", {"deadlineS": deadline_s})

    def ask(
        self,
        method: str,
        path: str,
        body: Answer | None = None,
        *,
        dry_run: bool = False,
        version: int | None = None,
        key: str = "",
    ) -> Answer:
        """Ask for a path. ``dry_run``: only what it would do; ``version``: do it to that version alone.

        ``key`` names the request, so that it is done once however often it is sent.
        """
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        if key:
            headers["Idempotency-Key"] = key
        return self._ask(method, f"{path}?dryRun=true" if dry_run else path, body, headers)

    def _ask(
        self, method: str, path: str, body: Answer | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            answer = httpx.request(
                method,
                f"{self._url}{path}",
                json=body,
                headers={**self._headers, **(headers or {})},
                timeout=ANSWER_S,
            )
            found = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise errors.GatewayUnreachableError(f"no gateway answers at {self._url}: {error}") from None
        if answer.is_error:
            detail = found.get("detail", f"the gateway answered {answer.status_code}")
            raise error_from_wire(found.get("code"), detail, found.get("retryAfter"))
        assert isinstance(found, dict)
        return found


class Return:
    """Waits for the next process of a worker that is about to be drained. Made before the drain begins."""

    def __init__(self, gateway: Gateway, worker_id: str) -> None:
        self._gateway = gateway
        self._worker_id = worker_id
        self._before = self._pid()

    def wait(self, within_s: float) -> None:
        """Raises AskDeadlineError if it takes longer; the worker goes on with it."""
        deadline = time.monotonic() + within_s
        while self._pid() in (None, self._before):
            if time.monotonic() > deadline:
                raise errors.AskDeadlineError(f"{self._worker_id} is not back after {within_s:g} s")
            time.sleep(_POLL_S)

    def _pid(self) -> int | None:
        rows = self._gateway.topology()["workers"]
        return next((row["pid"] for row in rows if row["workerId"] == self._worker_id), None)


def show(*parts: RenderableType) -> None:
    """Print for people."""
    Console().print(Group(*parts))


def workers_table(topology: Answer) -> Table:
    """The workers of a gateway."""
    table = Table("worker", "state", "sessions", "capacity", "memory", "pid", "node")
    for row in topology["workers"]:
        memory = f"{row['rssBytes'] / 1e6:.0f} MB"
        cells = (
            row["workerId"],
            row["state"],
            row["sessions"],
            row["capacity"],
            memory,
            row["pid"],
            row["node"],
        )
        table.add_row(*map(str, cells))
    return table


def replicas_table(topology: Answer) -> Table:
    """The ingress replicas of a gateway."""
    table = Table("ingress replica", "pid")
    for row in topology["ingress"]:
        table.add_row(row["replicaId"], str(row["pid"]))
    return table


def pool_line(pool: Answer) -> str:
    """What the pool is to be, and what it is."""
    states = [member["state"] for member in pool["members"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    return f"workers: {pool['workers']} always, {pool['maxWorkers']} at most, {pool['desired']} now; {counts}"
