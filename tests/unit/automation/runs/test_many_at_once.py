"""A thousand sessions end a turn at one moment, and the forge lets in a few hundred calls an hour."""

from __future__ import annotations

import asyncio

from automation_world import AT, FakeCheckout, FakeCredentials, FakeForge, Outside, ordered

from actors import errors
from actors.automation.actor import AutomationActor, AutomationScope
from actors.automation.contract import PullRequest, RepositoryFacts, RepositoryName, Token
from actors.automation.messages import Automate
from actors.automation.outcome import Summary
from actors.automation.run import Hands
from actors.automation.settings import AutomationSettings
from actors.journal import GroupWriter
from actors.journal.memory import MemoryJournal
from actors.kernel import ActorId, ActorSystem
from actors.placement.leases import Lease

SESSIONS = 1_000
CALLS_AN_HOUR = 900
PARALLEL = 4
HOUR_S = 3600.0


class LimitedForge(FakeForge):
    """Lets so many calls in within an hour; ``refused`` counts the others."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(outside)
        self.refused = self._taken = 0
        self._began = float("-inf")

    def _take(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._began >= HOUR_S:
            self._began, self._taken = now, 0
        self._taken += 1
        if self._taken > CALLS_AN_HOUR:
            self.refused += 1
            raise errors.ForgeLimitError("the limit is used up", HOUR_S - (now - self._began))

    async def facts(self, repository: RepositoryName, token: Token) -> RepositoryFacts:
        self._take()
        return await super().facts(repository, token)

    async def branch(self, repository: RepositoryName, branch: str, token: Token) -> str | None:
        self._take()
        return await super().branch(repository, branch, token)

    async def pull_request(
        self, repository: RepositoryName, branch: str, base: str, title: str, body: str, token: Token
    ) -> PullRequest:
        self._take()
        return await super().pull_request(repository, branch, base, title, body, token)


async def test_all_are_done_within_the_limits_and_none_is_doubled() -> None:
    outside, loop = Outside(), asyncio.get_running_loop()
    forge, journal, began = LimitedForge(outside), MemoryJournal(), loop.time()
    hands = Hands(
        lambda directory: FakeCheckout(outside, directory),
        forge,
        FakeCredentials(outside),
        AutomationSettings(enabled=True, parallel=PARALLEL),
        asyncio.Semaphore(PARALLEL),
        lambda: AT + loop.time() - began,
    )
    writer, escalated = GroupWriter(journal), list[BaseException]()
    system = ActorSystem(on_escalation=escalated.append)

    async def end_a_turn(number: int) -> Summary:
        key = f"inst/ws{number}"
        lease = Lease(await journal.acquire(key, "life", 1e9), lambda: None)
        scope = AutomationScope("inst", f"ws{number}", lease, journal, writer, hands, lambda *_: None)
        actor = system.spawn(ActorId("automation", key), lambda: AutomationActor(scope))
        found = await actor.ask(Automate(ordered(session_id=f"sess_{number:012d}")), 100 * HOUR_S)
        assert isinstance(found, Summary)
        return found

    summaries = await asyncio.gather(*(end_a_turn(number) for number in range(SESSIONS)))
    hours = (loop.time() - began) / HOUR_S

    assert {one.status for one in summaries} == {"success"}
    assert len(outside.pull_requests) == len(outside.branches) == SESSIONS
    assert outside.calls.count("facts") >= SESSIONS
    assert outside.most_at_once <= PARALLEL
    # Each hour the first few that go on learn that it is used up; all others learn it from them.
    assert forge.refused <= PARALLEL * (hours + 1)
    assert hours <= 3 * SESSIONS / CALLS_AN_HOUR * 1.5
    await system.stop(5.0)
    await writer.close(1.0)
    assert escalated == []
