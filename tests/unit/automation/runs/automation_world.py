"""Automations in memory: a checkout, a forge and credentials that do as they are told, and a journal."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from actors import errors
from actors.automation.actor import AutomationActor, AutomationScope
from actors.automation.contract import (
    ChangeKind,
    CommitOrder,
    FileChange,
    Issue,
    LeftOut,
    PullRequest,
    PushResult,
    RepositoryFacts,
    RepositoryName,
    Snapshot,
    Token,
)
from actors.automation.messages import AskApproval, Automate, AutomationNews
from actors.automation.order import IssueWish, Order, Wish, key_of_turn
from actors.automation.outcome import Summary
from actors.automation.run import Hands
from actors.automation.settings import AutomationSettings
from actors.automation.stream import stream_of
from actors.journal import Entry, GroupWriter, Placement
from actors.journal.memory import MemoryJournal
from actors.kernel import ActorId, ActorOptions, ActorRef, ActorSystem, Directive
from actors.placement.leases import Lease

KEY = "inst/ws"
SESSION = "sess_abcdef0123456789"
REPOSITORY = RepositoryName("acme", "shop")
AT = 1_700_000_000
WITH_ISSUE = Wish(is_wanted=True, issue=IssueWish(title="Carts lose items"))
SECRET = "ghs_" + "a1B2" * 9


async def settle() -> None:
    """Let everything that can happen without time passing happen, commits included."""
    loop = asyncio.get_running_loop()
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not loop._ready:  # type: ignore[attr-defined]  # it has no public name
            return
    raise AssertionError("something happens over and over again")


@dataclass
class Outside:
    """What outlives every process of ours: the files, the repository's objects, and the forge.

    ``die_after`` is the number of the call after which the caller's process is no more. ``faults`` are raised
    by the calls of a name, one after the other, before they do anything.
    """

    files: dict[str, str] = field(default_factory=lambda: {"README.md": "one"})
    base: dict[str, str] = field(default_factory=lambda: {"README.md": "zero"})
    commits: dict[str, dict[str, str]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    issues: list[tuple[str, Issue]] = field(default_factory=list)
    pull_requests: list[PullRequest] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    facts: RepositoryFacts = field(default_factory=lambda: RepositoryFacts("main", False, True, True))
    left_out: tuple[LeftOut, ...] = ()
    calls: list[str] = field(default_factory=list)
    faults: dict[str, list[errors.LumiLinkError]] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    orders: list[CommitOrder] = field(default_factory=list)
    die_after: int = 0
    has_died: bool = False
    at_once: int = 0
    most_at_once: int = 0

    async def before(self, name: str) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.faults.get(name):
            raise self.faults[name].pop(0)

    async def after(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self.die_after:
            self.has_died = True
            await asyncio.get_running_loop().create_future()


class FakeCheckout:
    def __init__(self, outside: Outside, directory: str) -> None:
        self._outside = outside
        self.directory = directory

    async def repository(self) -> RepositoryName:
        await self._outside.before("repository")
        await self._outside.after("repository")
        return REPOSITORY

    async def snapshot(self, parent: str | None) -> Snapshot:
        outside = self._outside
        await outside.before("snapshot")
        before = outside.base if parent is None else outside.commits[parent]
        found = tuple(
            FileChange(path, ChangeKind.MODIFIED if path in before else ChangeKind.ADDED, len(text))
            for path, text in outside.files.items()
            if before.get(path) != text
        )
        tree = _sha(repr(sorted(outside.files.items())))
        outside.commits[tree] = dict(outside.files)
        await outside.after("snapshot")
        return Snapshot(parent or _sha("base"), tree, found, outside.left_out)

    async def diff(self, snapshot: Snapshot, max_bytes: int) -> str:
        await self._outside.before("diff")
        await self._outside.after("diff")
        return f"+++ {snapshot.tree}"

    async def commit(self, order: CommitOrder) -> str:
        outside = self._outside
        await outside.before("commit")
        name = _sha(f"{order.snapshot.parent}{order.snapshot.tree}{order.message}{order.at}{order.trailers}")
        outside.commits[name] = outside.commits[order.snapshot.tree]
        outside.orders.append(order)
        await outside.after("commit")
        return name

    async def push(self, commit: str, branch: str, token: Token) -> PushResult:
        outside = self._outside
        await outside.before("push")
        result = PushResult.ALREADY_THERE if outside.branches.get(branch) == commit else PushResult.DONE
        outside.branches[branch] = commit
        await outside.after("push")
        return result


class FakeForge:
    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def facts(self, repository: RepositoryName, token: Token) -> RepositoryFacts:
        await self._outside.before("facts")
        await self._outside.after("facts")
        return self._outside.facts

    async def branch(self, repository: RepositoryName, branch: str, token: Token) -> str | None:
        await self._outside.before("branch")
        await self._outside.after("branch")
        return self._outside.branches.get(branch)

    async def issue(
        self, repository: RepositoryName, title: str, body: str, mark: str, since: float, token: Token
    ) -> Issue:
        outside = self._outside
        await outside.before("issue")
        found = next((issue for known, issue in outside.issues if known == mark), None)
        if found is None:
            number = len(outside.issues) + 1
            found = Issue(1000 + number, number, f"https://github.com/{repository}/issues/{number}", title)
            outside.issues.append((mark, found))
        await outside.after("issue")
        return found

    async def pull_request(
        self, repository: RepositoryName, branch: str, base: str, title: str, body: str, token: Token
    ) -> PullRequest:
        outside = self._outside
        await outside.before("pull_request")
        found = next((one for one in outside.pull_requests if one.branch == branch), None)
        if found is None:
            number = 10 + len(outside.pull_requests)
            found = PullRequest(number, f"https://github.com/{repository}/pull/{number}", branch, base)
            outside.pull_requests.append(found)
            outside.bodies.append(body)
        await outside.after("pull_request")
        return found


class FakeCredentials:
    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def token(self, session_id: str, repository: RepositoryName) -> Token:
        await self._outside.before("token")
        await self._outside.after("token")
        return Token(SECRET)

    async def revoke(self, session_id: str) -> None:
        self._outside.revoked.append(session_id)


class World:
    """One process that has the workspace. ``before`` is one that is gone, whose journal this goes on with."""

    def __init__(
        self,
        outside: Outside | None = None,
        settings: AutomationSettings | None = None,
        before: World | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.outside = outside or (before.outside if before is not None else Outside())
        self.settings = settings or (before.settings if before else AutomationSettings(enabled=True))
        self.journal: MemoryJournal = before.journal if before is not None else MemoryJournal()
        self.writer = GroupWriter(self.journal)
        self.escalated: list[BaseException] = []
        self.system = ActorSystem(on_escalation=self.escalated.append, chance=lambda: 0.0)
        self.fence = 1 if before is None else before.fence + 1
        self.now = float(AT) if before is None else before.now
        self.told: list[AutomationNews] = []
        self.asked: list[AskApproval] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.hands = Hands(
            lambda directory: FakeCheckout(self.outside, directory),
            FakeForge(self.outside),
            FakeCredentials(self.outside),
            self.settings,
            asyncio.Semaphore(self.settings.parallel),
            clock or (lambda: self.now + loop.time() - began),
            chance=lambda: 0.0,
        )
        self._actor: ActorRef | None = None

    async def start(self) -> ActorRef:
        lease = Lease(Placement(KEY, f"life-{self.fence}", self.fence, 0), lambda: None)
        while (await self.journal.acquire(KEY, lease.placement.worker, 0.0)).fence < self.fence:
            pass
        scope = AutomationScope("inst", "ws", lease, self.journal, self.writer, self.hands, self._tell)
        self._actor = self.system.get_or_spawn(
            ActorId("automation", KEY),
            lambda: AutomationActor(scope),
            ActorOptions(on_failure=lambda _error: Directive.STOP),
        )
        await settle()
        return self._actor

    @property
    def actor(self) -> ActorRef:
        assert self._actor is not None
        return self._actor

    def _tell(self, session_id: str, message: AutomationNews | AskApproval) -> None:
        if isinstance(message, AskApproval):
            self.asked.append(message)
        else:
            assert message.session_id == session_id
            self.told.append(message)

    async def run(self, order: Order | None = None, deadline_s: float = 5.0) -> Summary:
        """Have an order carried out, and wait for what came of it."""
        if self._actor is None:
            await self.start()
        found = await self.actor.ask(Automate(order or ordered()), deadline_s)
        assert isinstance(found, Summary)
        return found

    async def entries(self) -> list[Entry]:
        return list((await self.journal.read(stream_of(KEY), 0, 10_000)).entries)

    async def kinds(self) -> list[str]:
        return [entry.kind for entry in await self.entries()]

    async def payloads(self, kind: str) -> list[dict[str, object]]:
        return [msgspec.json.decode(one.payload) for one in await self.entries() if one.kind == kind]

    async def die(self) -> World:
        """The process is gone, in the midst of whatever it did; another one has the workspace."""
        await self.system.stop(0.01)
        await self.writer.close(0.5)
        self.outside.die_after, self.outside.has_died = 0, False
        return World(before=self)

    async def end(self) -> None:
        await self.system.stop(5.0)
        await self.writer.close(1.0)
        assert self.escalated == []


def ordered(turn: int = 1, session_id: str = SESSION, wish: Wish | None = None, **more: object) -> Order:
    """The order of a turn's end."""
    return Order(
        key_of_turn(session_id, turn),
        session_id,
        "/w",
        AT * 1000,
        turn=turn,
        subject="Keep the items of a cart",
        wish=wish or Wish(),
        **more,  # type: ignore[arg-type] # what an order has
    )


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()
