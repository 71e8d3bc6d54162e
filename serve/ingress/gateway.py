"""What all clients of one replica share: links, the capacity actor, the agent's profile, the settings."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from actors import errors
from actors.capacity.ledger import Place
from serve.ingress.admissions import Admissions
from serve.ingress.book import CapacityBook
from serve.ingress.links import WorkerLinks
from serve.ingress.reattaching import Reached
from serve.ingress.resume_tokens import ResumeTokens
from serve.rights.settings import AuthSettings

log = logging.getLogger("lumilink.ingress")

PROFILE_TTL_S = 60.0
PROFILE_RETRY_S = 5.0
CALL_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class IngressSettings:
    """What an ingress replica is told when it is made. Secrets are kept out of ``repr``.

    ``token_key`` signs resume tokens: the same for all replicas, and after a restart. Without one they are
    signed with the cluster secret, and good until the gateway is restarted.
    """

    secret: str = field(repr=False)
    host: str = "127.0.0.1"
    max_frame_bytes: int = 16 * 1024 * 1024
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    profile_deadline_s: float = 60.0
    sse_keepalive_s: float = 15.0
    connection_idle_s: float = 300.0
    admission_wait_s: float = 10.0
    token_key: str = field(default="", repr=False)
    auth: AuthSettings = field(default_factory=AuthSettings)


class Gateway:
    """One per replica."""

    def __init__(self, settings: IngressSettings, links: WorkerLinks, capacity: CapacityBook) -> None:
        self.settings = settings
        self.links = links
        self.capacity = capacity
        self.admissions = Admissions(capacity, settings.admission_wait_s)
        self.tokens = ResumeTokens((settings.token_key or settings.secret).encode())
        self._profile: bytes | None = None
        self._profile_task: asyncio.Task[bytes] | None = None
        self._profile_at = float("-inf")

    async def reach(self, session_id: str) -> Reached:
        """The link to the worker that holds a session, or that can open it again. Raises LinkBrokenError."""
        return await self.links.reach(session_id, await self.capacity.locate(session_id))

    async def agent_profile(self) -> bytes | None:
        """The agent's own ``initialize`` result; None while no agent can be asked.

        Asked once for all clients and kept for a minute; after a failure, asked again at the earliest
        after five seconds, so that clients are not kept waiting by an agent that is down.
        """
        now = asyncio.get_running_loop().time()
        task = self._profile_task
        if task is None or (task.done() and now - self._profile_at > self._keep_s(task)):
            task = self._profile_task = asyncio.ensure_future(self._ask_profile())
            self._profile_at = now
        try:
            return await asyncio.shield(task)
        except errors.LumiLinkError as error:
            log.warning("no agent could be asked for its capabilities: %s", error)
            return None

    async def ask_workers(self, method: str, arguments: dict[str, object]) -> list[object]:
        """The answers of all workers that can be reached."""
        places = await self.capacity.places()
        return [
            answer
            for answer in await asyncio.gather(*(self._ask(p, method, arguments) for p in places))
            if answer
        ]

    async def _ask(self, place: Place, method: str, arguments: dict[str, object]) -> object:
        try:
            channel = await self.links.channel(place)
            return await channel.ask(method, arguments, CALL_DEADLINE_S)
        except errors.LumiLinkError as error:
            log.warning("worker %s does not answer %s: %s", place.worker_id, method, error)
            return None

    async def _ask_profile(self) -> bytes:
        error: errors.LumiLinkError = errors.WorkerUnavailableError("no worker has reported yet")
        for place in await self.capacity.places():
            try:
                channel = await self.links.channel(place)
                profile = await channel.ask("profile", {}, self.settings.profile_deadline_s)
            except errors.LinkBrokenError as broken:
                error = broken  # the next worker has the same agent
                continue
            assert isinstance(profile, bytes)
            return profile
        raise error

    @staticmethod
    def _keep_s(task: asyncio.Task[bytes]) -> float:
        failed = task.cancelled() or task.exception() is not None
        return PROFILE_RETRY_S if failed else PROFILE_TTL_S
