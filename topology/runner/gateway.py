"""What a runner asks of a gateway, and says to it, over HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
import msgspec

from actors import errors
from actors.agents.target import AgentTarget
from actors.jobs.models import Assignment, Runner

WAIT_S: Final = 25
ANSWER_S: Final = 15.0
_LASTING: Final[dict[int, type[errors.LumiLinkError]]] = {
    400: errors.InvalidParamsError,
    401: errors.AuthenticationError,
    403: errors.ForbiddenError,
    404: errors.RecordNotFoundError,
    409: errors.ConflictError,
    413: errors.FrameTooLargeError,
}


class _Assignments(msgspec.Struct):
    jobs: list[Assignment]


class RunnerGateway:
    """Each method raises GatewayUnreachableError for what may pass, and what the gateway answered else."""

    def __init__(self, server: str, token: str) -> None:
        self._server = server.rstrip("/")
        self._token = token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(base_url=self._server, headers=headers, timeout=ANSWER_S)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._http.aclose()

    async def register(self, name: str) -> Runner:
        """Be known by a name."""
        answer = await self._ask("POST", "/api/v1/agents", {"name": name})
        return msgspec.json.decode(answer, type=Runner)

    async def poll(self, agent_id: str, most: int) -> list[Assignment]:
        """Take at most so many jobs; waits for 25 s until there is one."""
        asked = f"/jobs/poll?agentId={quote(agent_id)}&waitS={WAIT_S}&limit={most}"
        answer = await self._ask("GET", asked, None, ANSWER_S + WAIT_S)
        return msgspec.json.decode(answer, type=_Assignments).jobs

    async def keep(self, job: Assignment) -> None:
        """Keep a job's lease."""
        await self._ask("POST", "/jobs/progress", {"jobId": job.job_id, "jobRunId": job.job_run_id})

    async def tell(self, job: Assignment, message: str) -> None:
        """Keep a job's lease, and say how it does."""
        said = {"jobId": job.job_id, "jobRunId": job.job_run_id, "message": message}
        await self._ask("POST", "/jobs/progress", said)

    async def complete(self, job: Assignment, status: str, error: str) -> None:
        """Say how a job ended."""
        said: dict[str, Any] = {"jobId": job.job_id, "jobRunId": job.job_run_id, "status": status}
        if error:
            said["error"] = error[:4000]
        await self._ask("POST", "/jobs/complete", said)

    async def log(self, agent_id: str, lines: list[str]) -> None:
        """Add lines to the runner's log."""
        said = {"lines": [{"message": line[:4000]} for line in lines]}
        await self._ask("POST", f"/instances/{quote(agent_id)}/logs", said)

    def line_of(self, job: Assignment) -> AgentTarget:
        """Where the line of a session's job is. Raises SettingsError for an address that is none."""
        parts = urlsplit(self._server)
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        path = f"{parts.path}/runner/{quote(job.job_id)}"
        url = urlunsplit((scheme, parts.netloc, path, f"run={quote(job.job_run_id)}", ""))
        return replace(AgentTarget.parse(url), bearer=self._token or None)

    async def _ask(self, method: str, path: str, body: object, within_s: float = ANSWER_S) -> bytes:
        content = None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._http.request(method, path, content=content, timeout=within_s)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise errors.GatewayUnreachableError(
                f"no answer from the gateway: {type(error).__name__}"
            ) from None
        if answer.is_success:
            return answer.content
        lasting = _LASTING.get(answer.status_code)
        if lasting is None:
            raise errors.GatewayUnreachableError(f"the gateway answered HTTP {answer.status_code}")
        raise lasting(_detail(answer))


def _detail(answer: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(answer.content, type=dict[str, Any])["detail"])
    except (msgspec.DecodeError, KeyError):
        return f"the gateway answered HTTP {answer.status_code}"
