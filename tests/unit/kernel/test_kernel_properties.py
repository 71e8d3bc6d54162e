"""What holds for any sequence of messages, failures and pauses. Each example runs on a clock that jumps."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import Boom, assert_nothing_is_left, named

from actors.errors import (
    ActorFailedError,
    ActorStoppedError,
    AskDeadlineError,
    LumiLinkError,
    MailboxFullError,
    SessionClosedError,
)
from actors.kernel import (
    Actor,
    ActorOptions,
    ActorRef,
    ActorSystem,
    Backoff,
    StopReason,
    Strategy,
    Supervision,
)
from actors.kernel.testing import ClockJumpLoop

QUICK = settings(max_examples=60, deadline=None)
PATIENT = Supervision(max_restarts=10_000, backoff=Backoff(first_s=0.5, max_s=2.0))
KINDS = ("plain", "exclusive", "deferred", "reject", "boom", "late boom", "exclusive boom", "stop")
DEADLINE_S = 30.0


@dataclass
class Witness:
    """What the outside knows about all instances of one actor."""

    begun: list[tuple[str, int]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def __enter__(self) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

    def __exit__(self, *exc: object) -> None:
        self.at_once -= 1


@dataclass(frozen=True)
class Job:
    sender: str
    number: int
    kind: str


class Worker(Actor):
    """Does what a job's kind says, under a witness."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness

    async def started(self) -> None:
        with self.witness:
            await asyncio.sleep(0.2)

    async def stopping(self, reason: StopReason) -> None:
        with self.witness:
            await asyncio.sleep(0.2)

    def receive(self, message: object) -> object:
        assert isinstance(message, Job)
        with self.witness:
            self.witness.begun.append((message.sender, message.number))
            match message.kind:
                case "reject":
                    raise SessionClosedError("no")
                case "boom":
                    raise Boom
                case "exclusive" | "exclusive boom":
                    return self.exclusive(message)
                case "deferred" | "late boom":
                    return self.context.run(self.deferred(message), name="deferred")
                case "stop":
                    self.context.stop()
            return message

    async def exclusive(self, job: Job) -> Job:
        with self.witness:
            await asyncio.sleep(1.0)
            if job.kind == "exclusive boom":
                raise Boom
            return job

    async def deferred(self, job: Job) -> Job:
        await asyncio.sleep(1.5)
        if job.kind == "late boom":
            raise Boom
        return job


def run(scenario: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=ClockJumpLoop) as runner:
        runner.run(_and_nothing_is_left(scenario))


async def _and_nothing_is_left(scenario: Coroutine[object, object, None]) -> None:
    await scenario
    assert_nothing_is_left()


def fail_the_test(error: BaseException) -> None:
    raise AssertionError(f"escalated: {error!r}")


def jobs(*kinds: str, max_size: int = 40) -> st.SearchStrategy[list[Job]]:
    """Jobs of three senders, each sender's numbered in order."""

    def number(drawn: list[tuple[str, str]]) -> list[Job]:
        count: Counter[str] = Counter()
        result = []
        for sender, kind in drawn:
            result.append(Job(sender, count[sender], kind))
            count[sender] += 1
        return result

    pairs = st.tuples(st.sampled_from("xyz"), st.sampled_from(kinds))
    return st.lists(pairs, max_size=max_size).map(number)


pauses = st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.7, 3.0]), max_size=12)


async def send(ref: ActorRef, work: list[Job], gaps: list[float]) -> list[Job]:
    """Tell all of ``work`` with pauses between; what was accepted."""
    accepted = []
    for index, job in enumerate(work):
        try:
            ref.tell(job)
        except (MailboxFullError, ActorStoppedError):
            continue
        accepted.append(job)
        if gaps:
            await asyncio.sleep(gaps[index % len(gaps)])
    return accepted


@QUICK
@given(work=jobs("plain", "exclusive", "deferred", "reject", "boom", "exclusive boom"), gaps=pauses)
def test_each_accepted_message_is_handled_once_and_in_order_over_any_restarts(
    work: list[Job], gaps: list[float]
) -> None:
    async def scenario() -> None:
        witness = Witness()
        system = ActorSystem(on_escalation=fail_the_test, supervision=PATIENT)
        ref = system.spawn(named("a"), lambda: Worker(witness))
        accepted = await send(ref, work, gaps)
        await ref.ask(Job("end", 0, "plain"), 1_000.0)
        await system.stop(10.0)
        assert witness.begun == [*((job.sender, job.number) for job in accepted), ("end", 0)]
        failures = sum(job.kind.endswith("boom") for job in accepted)
        assert ref.statistics().counts.restarts == ref.statistics().counts.failures == failures

    run(scenario())


@QUICK
@given(work=jobs(*KINDS), gaps=pauses, capacity=st.integers(1, 10), batch=st.integers(1, 3))
def test_never_two_messages_at_once(work: list[Job], gaps: list[float], capacity: int, batch: int) -> None:
    async def scenario() -> None:
        witness = Witness()
        system = ActorSystem(
            on_escalation=fail_the_test, supervision=PATIENT, messages_per_turn=batch, pass_limit_s=0.0
        )
        ref = system.spawn(named("a"), lambda: Worker(witness), ActorOptions(mailbox_capacity=capacity))
        accepted = await send(ref, work, gaps)
        assert ref.statistics().mailbox_high_water <= capacity
        assert len(accepted) + ref.statistics().counts.refused <= len(work)
        await asyncio.sleep(200.0)
        await system.stop(10.0)
        assert witness.most_at_once <= 1
        assert witness.at_once == 0
        for sender in "xyz":
            numbers = [number for who, number in witness.begun if who == sender]
            assert numbers == sorted(set(numbers))

    run(scenario())


@QUICK
@given(
    work=jobs(*KINDS),
    gaps=pauses,
    deadlines=st.lists(st.sampled_from([0.3, 1.2, DEADLINE_S]), min_size=1, max_size=5),
    cancel=st.sets(st.integers(0, 40)),
    grace_s=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_every_ask_ends_by_its_deadline_in_one_of_the_ways_it_may(
    work: list[Job], gaps: list[float], deadlines: list[float], cancel: set[int], grace_s: float
) -> None:
    async def ask(ref: ActorRef, job: Job, deadline_s: float) -> str:
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            answer = await ref.ask(job, deadline_s)
        except LumiLinkError as error:
            assert loop.time() - start <= deadline_s + 0.001
            return type(error).__name__
        assert answer is job
        return "answer"

    allowed = {
        "plain": {"answer"},
        "exclusive": {"answer"},
        "deferred": {"answer"},
        "stop": {"answer"},
        "reject": {SessionClosedError.__name__},
    }
    always = {error.__name__ for error in (AskDeadlineError, ActorStoppedError, ActorFailedError)}

    async def scenario() -> None:
        system = ActorSystem(on_escalation=fail_the_test, supervision=PATIENT)
        ref = system.spawn(named("a"), lambda: Worker(Witness()))
        asking = []
        for index, job in enumerate(work):
            asking.append(asyncio.create_task(ask(ref, job, deadlines[index % len(deadlines)])))
            await asyncio.sleep(gaps[index % len(gaps)] if gaps else 0.0)
            if index in cancel:
                asking[-1].cancel()
        stop = asyncio.create_task(system.stop(grace_s)) if len(work) % 2 else None
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        await (stop or system.stop(grace_s))
        for job, outcome in zip(work, outcomes, strict=True):
            if not isinstance(outcome, asyncio.CancelledError):
                assert outcome in allowed.get(job.kind, set()) | always
        assert system.statistics().tasks == 0

    run(scenario())


@QUICK
@given(size=st.integers(1, 7), victims=st.lists(st.integers(0, 6), max_size=6), wait=st.booleans())
def test_rest_for_one_restarts_exactly_the_failed_child_and_the_later_ones(
    size: int, victims: list[int], wait: bool
) -> None:
    async def scenario() -> None:
        plan = Supervision(Strategy.REST_FOR_ONE, max_restarts=100, backoff=Backoff(1.0, 1.0, 1.0, 0.0))
        system = ActorSystem(on_escalation=fail_the_test, supervision=plan)
        kids = [system.spawn(named(str(number)), lambda: Worker(Witness())) for number in range(size)]
        await asyncio.sleep(1.0)
        expected = [0] * size
        for victim in victims:
            victim %= size
            kids[victim].tell(Job("x", 0, "boom"))
            expected = [count + (number >= victim) for number, count in enumerate(expected)]
            if wait:
                await asyncio.sleep(20.0)
        await asyncio.sleep(100.0)
        counts = [kid.statistics().counts for kid in kids]
        failed = Counter(victim % size for victim in victims)
        assert [count.failures for count in counts] == [failed[number] for number in range(size)]
        if wait:  # failures that come together may share a restart
            assert [count.restarts for count in counts] == expected
        else:
            first = min((victim % size for victim in victims), default=size)
            assert [count.restarts > 0 for count in counts] == [number >= first for number in range(size)]
        assert all(kid.statistics().state == "running" for kid in kids)
        await system.stop(10.0)

    run(scenario())


@QUICK
@given(times=st.lists(st.floats(0.5, 8.0), max_size=25), limit=st.integers(0, 4))
def test_a_child_escalates_exactly_when_its_window_is_full(times: list[float], limit: int) -> None:
    async def scenario() -> None:
        escalated: list[BaseException] = []
        plan = Supervision(max_restarts=limit, within_s=10.0, backoff=Backoff(0.0, 1.0, 0.0, 0.0))
        system = ActorSystem(on_escalation=escalated.append, supervision=plan)
        ref = system.spawn(named("a"), Actor_that_fails)
        loop = asyncio.get_running_loop()
        failures: list[float] = []
        for pause in times:
            await asyncio.sleep(pause)
            expected = len([at for at in failures if at > loop.time() - 10.0]) >= limit
            failures.append(loop.time())
            ref.tell("fail")
            await asyncio.sleep(0.1)
            assert bool(escalated) is expected
            if expected:
                assert await ref.stopped() is StopReason.ESCALATED
                break
        await system.stop(1.0)

    run(scenario())


class Actor_that_fails(Actor):  # noqa: N801 - reads as what it is
    def receive(self, message: object) -> object:
        raise Boom


@st.composite
def trees(draw: st.DrawFn) -> list[int]:
    """Each actor's parent: -1 for the root, else the index of an earlier actor."""
    return [draw(st.integers(-1, index - 1)) for index in range(draw(st.integers(1, 12)))]


@QUICK
@given(
    parents=trees(),
    kinds=st.lists(st.tuples(st.integers(0, 11), st.sampled_from(KINDS)), max_size=20),
    pause=st.sampled_from([0.0, 0.1, 0.6, 2.0]),
    grace_s=st.sampled_from([0.05, 0.5, 5.0]),
)
def test_no_task_and_no_actor_outlives_the_system(
    parents: list[int], kinds: list[tuple[int, str]], pause: float, grace_s: float
) -> None:
    ended: list[int] = []

    class Node(Worker):
        def __init__(self, index: int) -> None:
            super().__init__(Witness())
            self.index = index

        async def started(self) -> None:
            for index, parent in enumerate(parents):
                if parent == self.index:
                    self.context.get_or_spawn(named(str(index)), lambda index=index: Node(index))
            await super().started()

        async def stopping(self, reason: StopReason) -> None:
            assert not self.context.children
            await super().stopping(reason)
            ended.append(self.index)

    async def scenario() -> None:
        system = ActorSystem(on_escalation=lambda failure: None)
        for index, parent in enumerate(parents):
            if parent == -1:
                system.spawn(named(str(index)), lambda index=index: Node(index))
        await asyncio.sleep(pause)
        for number, (index, kind) in enumerate(kinds):
            if (ref := system.find(named(str(index)))) is not None:
                ref.tell(Job("x", number, kind))
            await asyncio.sleep(pause)
        loop = asyncio.get_running_loop()
        start = loop.time()
        await system.stop(grace_s)
        assert loop.time() - start <= grace_s + 0.001
        assert system.statistics().actors == system.statistics().tasks == 0
        before = len(ended)
        await asyncio.sleep(100.0)
        assert len(ended) == before

    run(scenario())
