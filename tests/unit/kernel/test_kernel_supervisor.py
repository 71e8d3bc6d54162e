import asyncio
import contextlib
import gc
from collections.abc import Callable

import pytest
from scripted import SECRET, Boom, Scripted, boom, named

from actors.errors import ActorFailedError, ActorStoppedError, SessionClosedError
from actors.kernel import (
    ActivationState,
    ActorOptions,
    ActorRef,
    ActorSystem,
    Backoff,
    Directive,
    StopReason,
    Strategy,
    Supervision,
)

NO_PAUSE = Backoff(first_s=0.0, max_s=0.0)


def now() -> float:
    return asyncio.get_running_loop().time()


async def family(
    system: ActorSystem, supervision: Supervision, *keys: str
) -> tuple[ActorRef, list[ActorRef]]:
    """A parent and its children, which all write into the parent's ``children_diary``."""
    parent = system.spawn(named("parent"), Scripted, ActorOptions(supervision=supervision))
    children = [await parent.ask(child(key), 1.0) for key in keys]
    for ref in children:
        await ref.ask(lambda actor: None, 1.0)
    return parent, children


def child(key: str, **options: object) -> Callable[[Scripted], ActorRef]:
    def script(parent: Scripted) -> ActorRef:
        return parent.context.spawn(named(key), Scripted, ActorOptions(**options))

    return script


# -------------------------------------------------------------------- restart


async def test_a_failed_actor_comes_back_under_the_same_ref_with_its_mailbox(system: ActorSystem) -> None:
    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Scripted(diary))
    for message in ("before", boom, "after", "and after"):
        ref.tell(message)
    await ref.ask("last", 5.0)
    assert diary == [
        *("started", "before"),
        *(StopReason.FAILED, "started", "after", "and after", "last"),
    ]


async def test_a_restart_waits_its_backoff(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    await ref.ask("up", 1.0)
    pauses = []
    for _ in range(3):
        start = now()
        ref.tell(boom)
        await ref.ask("back", 5.0)
        pauses.append(now() - start)
    assert pauses == pytest.approx([0.1, 0.2, 0.4])


async def test_a_message_waits_while_the_actor_backs_off(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    ref.tell(boom)
    await asyncio.sleep(0.05)
    assert ref.statistics().state is ActivationState.BACKING_OFF
    assert ref.statistics().mailbox_depth == 0
    ref.tell("waits")
    assert ref.statistics().mailbox_depth == 1


async def test_the_instance_is_new_after_a_restart(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    first = await ref.ask(lambda actor: actor, 1.0)
    ref.tell(boom)
    assert await ref.ask(lambda actor: actor, 1.0) is not first


async def test_a_factory_that_fails_is_tried_again(system: ActorSystem) -> None:
    tries: list[int] = []

    def factory() -> Scripted:
        tries.append(1)
        if len(tries) < 3:
            raise Boom
        return Scripted()

    ref = system.spawn(named("a"), factory)
    assert await ref.ask(lambda actor: "up", 5.0) == "up"
    assert ref.statistics().counts.restarts == 2


async def test_a_background_task_that_fails_fails_the_actor(system: ActorSystem) -> None:
    async def pump(error: Exception) -> None:
        await asyncio.sleep(1.0)
        raise error

    for error in (Boom(), SessionClosedError("nobody awaits this")):
        ref = system.spawn(named(type(error).__name__), Scripted)
        ref.tell(lambda actor, error=error: actor.context.run(pump(error), name="pump") and None)
        await asyncio.sleep(2.0)
        assert ref.statistics().counts.failures == 1
        assert ref.statistics().state is ActivationState.RUNNING


async def test_what_is_in_hand_when_the_actor_fails_ends_with_it(system: ActorSystem) -> None:
    async def pump() -> None:
        await asyncio.sleep(1.0)
        raise Boom

    ref = system.spawn(named("a"), Scripted)
    ref.tell(lambda actor: actor.context.run(pump(), name="pump") and None)
    future = asyncio.get_running_loop().create_future()
    deferred = asyncio.create_task(ref.ask(lambda actor: future, 100.0))
    in_hand = asyncio.create_task(ref.ask(lambda actor: asyncio.sleep(50.0), 100.0))
    for ask in (deferred, in_hand):
        with pytest.raises(ActorFailedError, match="the message in hand is lost"):
            await ask
    assert now() < 2.0
    await ref.ask("back", 5.0)
    future.set_exception(Boom())
    await asyncio.sleep(1.0)
    assert ref.statistics().counts.failures == 1


async def test_children_end_when_their_parent_restarts(system: ActorSystem) -> None:
    parent, (kid,) = await family(system, Supervision(), "kid")
    parent.tell(boom)
    assert await kid.stopped() is StopReason.PARENT_STOPPED
    assert await parent.ask(lambda actor: len(actor.context.children), 5.0) == 0


async def test_a_stop_during_a_restart_ends_the_actor(system: ActorSystem) -> None:
    class Lingering(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            await asyncio.sleep(3.0)
            self.diary.append(reason)

    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Lingering(diary))
    ref.tell(boom)
    await asyncio.sleep(1.0)
    assert ref.statistics().state is ActivationState.RESTARTING
    await system.stop(10.0)
    assert await ref.stopped() is StopReason.SHUTDOWN
    assert diary == ["started", StopReason.FAILED]


async def test_a_stop_during_backoff_is_done_at_once(system: ActorSystem) -> None:
    slow = Supervision(backoff=Backoff(first_s=50.0, max_s=50.0))
    parent, (kid,) = await family(system, slow, "kid")
    kid.tell(boom)
    await asyncio.sleep(1.0)
    start = now()
    parent.tell(lambda actor: actor.context.stop())
    await parent.stopped()
    assert now() - start < 0.1


# -------------------------------------------------------------------- decisions


async def test_an_actor_may_have_its_failures_answered_with_stop(system: ActorSystem) -> None:
    seen: list[Exception] = []

    def decide(failure: Exception) -> Directive:
        seen.append(failure)
        return Directive.STOP

    ref = system.spawn(named("a"), Scripted, ActorOptions(on_failure=decide))
    ref.tell(boom)
    ref.tell("never handled")
    assert await ref.stopped() is StopReason.FAILED
    assert [str(failure) for failure in seen] == [SECRET]
    assert ref.statistics().counts.dead_letters == 1


async def test_escalate_fails_the_parent(system: ActorSystem, escalated: list[BaseException]) -> None:
    parent = system.spawn(named("parent"), Scripted)
    kid = await parent.ask(child("kid", on_failure=lambda failure: Directive.ESCALATE), 1.0)
    kid.tell(boom)
    assert await kid.stopped() is StopReason.ESCALATED
    await parent.ask("back", 5.0)
    assert parent.statistics().counts.restarts == 1
    assert escalated == []


async def test_a_decision_that_fails_escalates(system: ActorSystem, escalated: list[BaseException]) -> None:
    def decide(failure: Exception) -> Directive:
        raise ZeroDivisionError

    ref = system.spawn(named("a"), Scripted, ActorOptions(on_failure=decide))
    ref.tell(boom)
    assert await ref.stopped() is StopReason.ESCALATED
    assert [type(failure) for failure in escalated] == [Boom]


async def test_one_failure_too_many_escalates_and_no_sooner(system: ActorSystem) -> None:
    supervision = Supervision(max_restarts=2, within_s=10.0, backoff=NO_PAUSE)
    parent, (kid,) = await family(system, supervision, "kid")
    for _ in range(2):
        kid.tell(boom)
        await kid.ask("back", 1.0)
    await asyncio.sleep(10.0)
    for _ in range(2):
        kid.tell(boom)
        await kid.ask("back", 1.0)
    assert parent.statistics().counts.failures == 0
    kid.tell(boom)
    assert await kid.stopped() is StopReason.ESCALATED
    assert parent.statistics().counts.failures == 1


async def test_children_are_counted_each_on_its_own(system: ActorSystem) -> None:
    supervision = Supervision(max_restarts=1, backoff=NO_PAUSE)
    parent, kids = await family(system, supervision, "a", "b", "c")
    for kid in kids:
        kid.tell(boom)
        await kid.ask("back", 1.0)
    assert parent.statistics().counts.failures == 0


async def test_an_escalation_climbs_to_the_top(escalated: list[BaseException]) -> None:
    never = Supervision(max_restarts=0)
    system = ActorSystem(on_escalation=escalated.append, supervision=never)
    options = ActorOptions(supervision=never)
    refs = [system.spawn(named("0"), Scripted, options)]
    for depth in range(1, 5):
        key = named(str(depth))
        refs.append(
            await refs[-1].ask(lambda actor, key=key: actor.context.spawn(key, Scripted, options), 1.0)
        )
    bystander = system.spawn(named("bystander"), Scripted)
    refs[-1].tell(boom)
    reasons = [await ref.stopped() for ref in refs]
    assert reasons == [StopReason.ESCALATED] * 5
    assert [type(failure) for failure in escalated] == [Boom]
    assert await bystander.ask(lambda actor: "goes on", 1.0) == "goes on"
    await system.stop(5.0)
    assert system.statistics().tasks == 0


async def test_an_escalation_hook_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def hook(failure: BaseException) -> None:
        raise ZeroDivisionError

    system = ActorSystem(on_escalation=hook, supervision=Supervision(max_restarts=0))
    ref = system.spawn(named("a"), Scripted)
    ref.tell(boom)
    await ref.stopped()
    await system.stop(5.0)
    assert "on_escalation failed: ZeroDivisionError" in caplog.text


# -------------------------------------------------------------------- rest for one

REST = Supervision(strategy=Strategy.REST_FOR_ONE, backoff=Backoff(first_s=1.0, jitter=0.0))


async def test_one_for_one_restarts_the_failed_child_alone(system: ActorSystem) -> None:
    _, kids = await family(system, Supervision(), "a", "b", "c")
    kids[1].tell(boom)
    await asyncio.sleep(5.0)
    assert [kid.statistics().counts.restarts for kid in kids] == [0, 1, 0]


async def test_rest_for_one_restarts_the_failed_child_and_all_later_ones(system: ActorSystem) -> None:
    _, kids = await family(system, REST, "a", "b", "c", "d")
    kids[1].tell(boom)
    await asyncio.sleep(5.0)
    assert [kid.statistics().counts.restarts for kid in kids] == [0, 1, 1, 1]
    assert [kid.statistics().counts.failures for kid in kids] == [0, 1, 0, 0]


async def test_later_children_start_after_the_earlier_ones_run(system: ActorSystem) -> None:
    order: list[str] = []

    class Slow(Scripted):
        async def started(self) -> None:
            await asyncio.sleep(2.0)
            order.append(self.context.id.key)

    parent = system.spawn(named("parent"), Scripted, ActorOptions(supervision=REST))
    for key in "abc":
        kid = await parent.ask(lambda actor, key=key: actor.context.spawn(named(key), Slow), 1.0)
        await kid.ask("up", 5.0)
        if key == "a":
            first = kid
    order.clear()
    start = now()
    first.tell(boom)
    await kid.ask("up", 20.0)
    assert order == ["a", "b", "c"]
    assert now() - start == pytest.approx(7.0)


async def test_a_child_that_backs_off_comes_back_after_an_earlier_one_that_failed_since(
    system: ActorSystem,
) -> None:
    _, (first, second) = await family(system, REST, "a", "b")
    second.tell(boom)
    await asyncio.sleep(0.5)
    first.tell(boom)
    await asyncio.sleep(0.6)
    assert second.statistics().state is ActivationState.BACKING_OFF
    await second.ask("back", 5.0)
    assert [kid.statistics().counts.restarts for kid in (first, second)] == [1, 1]


async def test_rest_for_one_stops_the_latest_child_first(system: ActorSystem) -> None:
    diary: list[object] = []

    class Slow(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            diary.append(f"{self.context.id.key} begins")
            await asyncio.sleep(1.0)
            diary.append(f"{self.context.id.key} ends")

    parent = system.spawn(named("parent"), Scripted, ActorOptions(supervision=REST))
    for key in "ab":
        kid = await parent.ask(lambda actor, key=key: actor.context.spawn(named(key), Slow), 1.0)
        await kid.ask("up", 1.0)
    parent.tell(lambda actor: actor.context.stop())
    await parent.stopped()
    assert diary == ["b begins", "b ends", "a begins", "a ends"]


async def test_a_child_that_fails_while_its_parent_stops_is_stopped(system: ActorSystem) -> None:
    class Slow(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            await asyncio.sleep(1.0)

    parent = system.spawn(named("parent"), Scripted, ActorOptions(supervision=REST))
    early = await parent.ask(lambda actor: actor.context.spawn(named("early"), Scripted), 1.0)
    late = await parent.ask(lambda actor: actor.context.spawn(named("late"), Slow), 1.0)
    await late.ask("up", 1.0)
    parent.tell(lambda actor: actor.context.stop())
    await asyncio.sleep(0.5)
    early.tell(boom)
    await asyncio.sleep(0.1)
    assert early.statistics().state is ActivationState.STOPPED
    assert await early.stopped() is StopReason.PARENT_STOPPED
    with pytest.raises(ActorStoppedError):
        early.tell("refused")
    await parent.stopped()


async def test_a_later_child_that_is_stopping_does_not_hold_up_the_others(system: ActorSystem) -> None:
    class Slow(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            await asyncio.sleep(4.0)

    parent = system.spawn(named("parent"), Scripted, ActorOptions(supervision=REST))
    first, middle, last = [
        await parent.ask(lambda actor, key=key, kind=kind: actor.context.spawn(named(key), kind), 1.0)
        for key, kind in (("a", Scripted), ("b", Slow), ("c", Scripted))
    ]
    await last.ask("up", 1.0)
    middle.tell(lambda actor: actor.context.stop())
    first.tell(boom)
    await asyncio.sleep(1.5)
    assert last.statistics().state is ActivationState.RUNNING
    assert last.statistics().counts.restarts == 1


async def test_a_child_that_is_spawned_again_is_the_latest(system: ActorSystem) -> None:
    class Slow(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            await asyncio.sleep(1.0)

    parent = system.spawn(named("parent"), Scripted)
    old = await parent.ask(lambda actor: actor.context.spawn(named("a"), Slow), 1.0)
    await parent.ask(lambda actor: actor.context.spawn(named("b"), Scripted), 1.0)
    await old.ask(lambda actor: actor.context.stop(), 1.0)
    await parent.ask(lambda actor: actor.context.spawn(named("a"), Scripted), 1.0)
    assert await parent.ask(lambda actor: [*map(str, actor.context.children)], 1.0) == ["test/b", "test/a"]


# -------------------------------------------------------------------- what outlives its instance


async def deaf(duration_s: float, then: Exception | None) -> None:
    """Ignores all cancellations until its time is over."""
    end = now() + duration_s
    while now() < end:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(end - now())
    if then is not None:
        raise then


async def test_a_task_that_was_given_up_cannot_fail_the_next_instance(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    ref = system.spawn(named("a"), Scripted, ActorOptions(stop_grace_s=2.0))
    ref.tell(lambda actor: actor.context.run(deaf(8.0, Boom()), name="deaf") and None)
    await ref.ask("up", 1.0)
    ref.tell(boom)
    await ref.ask("back", 5.0)
    await asyncio.sleep(10.0)
    gc.collect()
    assert ref.statistics().counts.failures == 1
    assert "test/a:deaf ignored its cancellation for 2 s" in caplog.text
    assert "never retrieved" not in caplog.text


async def test_an_instance_whose_start_was_given_up_gets_no_messages(system: ActorSystem) -> None:
    class Deaf(Scripted):
        async def started(self) -> None:
            self.diary.append(self)
            if len(self.diary) == 1:
                self.context.run(deaf(0.0, Boom()), name="fails at once")
                await deaf(8.0, None)
            else:
                await asyncio.sleep(10.0)

    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Deaf(diary), ActorOptions(stop_grace_s=1.0))
    handled_by = await ref.ask(lambda actor: actor, 60.0)
    first, _, second = diary
    assert handled_by is second
    assert handled_by is not first
