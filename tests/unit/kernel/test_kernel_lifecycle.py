import asyncio
import logging

import pytest
from scripted import Scripted, boom, named

from actors.errors import ActorStoppedError, InternalError, MailboxFullError
from actors.kernel import ActivationState, Actor, ActorOptions, ActorSystem, StopReason, Timer


def now() -> float:
    return asyncio.get_running_loop().time()


# -------------------------------------------------------------------- starting


async def test_messages_wait_until_started_is_done(system: ActorSystem) -> None:
    class Slow(Scripted):
        async def started(self) -> None:
            await asyncio.sleep(5.0)
            self.diary.append("started")

    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Slow(diary))
    ref.tell("early")
    await asyncio.sleep(1.0)
    assert ref.statistics().state is ActivationState.STARTING
    assert diary == []
    await ref.ask("late", 10.0)
    assert diary == ["started", "early", "late"]


async def test_a_start_that_takes_too_long_is_a_failure(system: ActorSystem) -> None:
    class Stuck(Scripted):
        async def started(self) -> None:
            if not self.diary:
                self.diary.append("stuck")
                await asyncio.sleep(1_000.0)

    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Stuck(diary), ActorOptions(start_limit_s=3.0))
    await ref.ask("second try", 10.0)
    assert diary == ["stuck", StopReason.FAILED, "second try"]
    assert ref.statistics().counts.restarts == 1


async def test_a_start_that_ends_by_a_stray_cancellation_is_a_failure(system: ActorSystem) -> None:
    class Stray(Scripted):
        async def started(self) -> None:
            if not self.diary:
                self.diary.append("stray")
                raise asyncio.CancelledError

    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Stray(diary))
    await ref.ask("second try", 10.0)
    assert diary == ["stray", StopReason.FAILED, "second try"]


async def test_an_id_that_lives_is_not_given_twice(system: ActorSystem) -> None:
    system.spawn(named("a"), Scripted)
    with pytest.raises(InternalError, match="test/a is there already"):
        system.spawn(named("a"), Scripted)


# -------------------------------------------------------------------- stopping


async def test_children_stop_before_their_parent_deepest_first(system: ActorSystem) -> None:
    diary: list[object] = []

    class Nested(Actor):
        def __init__(self, depth: int) -> None:
            self.depth = depth

        async def started(self) -> None:
            if self.depth < 3:
                self.context.spawn(named(f"level {self.depth + 1}"), lambda: Nested(self.depth + 1))

        async def stopping(self, reason: StopReason) -> None:
            diary.append((self.depth, reason))

    ref = system.spawn(named("level 0"), lambda: Nested(0))
    await ref.ask("up", 1.0)
    while system.find(named("level 3")) is None:
        await asyncio.sleep(0)
    await system.stop(5.0)
    assert diary == [(depth, StopReason.SHUTDOWN) for depth in (3, 2, 1, 0)]


async def test_a_child_hears_that_its_parent_stopped(system: ActorSystem) -> None:
    ref = system.spawn(named("parent"), Scripted)
    child = await ref.ask(lambda actor: actor.context.spawn(named("child"), Scripted), 1.0)
    ref.tell(lambda actor: actor.context.stop())
    assert await child.stopped() is StopReason.PARENT_STOPPED
    assert await ref.stopped() is StopReason.REQUESTED


async def test_a_child_that_stops_by_itself_is_no_failure(system: ActorSystem) -> None:
    ref = system.spawn(named("parent"), Scripted)
    child = await ref.ask(lambda actor: actor.context.spawn(named("child"), Scripted), 1.0)
    assert await ref.ask(lambda actor: dict(actor.context.children), 1.0) == {named("child"): child}
    child.tell(lambda actor: actor.context.stop())
    await child.stopped()
    assert await ref.ask(lambda actor: len(actor.context.children), 1.0) == 0
    assert ref.statistics().counts.failures == 0


async def test_the_first_reason_to_stop_counts(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    ref.tell(lambda actor: (actor.context.stop(StopReason.IDLE), actor.context.stop()))
    assert await ref.stopped() is StopReason.IDLE


async def test_messages_left_in_the_mailbox_end(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lumilink.kernel")
    ref = system.spawn(named("a"), Scripted)
    asking = asyncio.create_task(ref.ask("question", 10.0))
    in_hand = asyncio.create_task(ref.ask(lambda actor: asyncio.sleep(100.0), 1_000.0))
    deferred = asyncio.create_task(ref.ask(lambda actor: asyncio.get_running_loop().create_future(), 1_000.0))
    await asyncio.sleep(0)
    ref.tell("one")
    ref.tell("two")
    await asyncio.sleep(0.1)
    await system.stop(5.0)
    assert await asking is None
    for ask in (in_hand, deferred):
        with pytest.raises(ActorStoppedError):
            await ask
    assert ref.statistics().counts.dead_letters == 2
    assert system.statistics().counts.dead_letters == 2
    assert caplog.text.count("left 2 messages unhandled") == 1


async def test_a_deferred_reply_that_never_comes_ends_with_the_actor(system: ActorSystem) -> None:
    future = asyncio.get_running_loop().create_future()
    ref = system.spawn(named("a"), Scripted)
    asking = asyncio.create_task(ref.ask(lambda actor: future, 1_000.0))
    await asyncio.sleep(0.1)
    ref.tell(lambda actor: actor.context.stop())
    with pytest.raises(ActorStoppedError):
        await asking


async def test_tasks_are_cancelled_and_awaited_before_stopping_is_called(system: ActorSystem) -> None:
    diary: list[object] = []

    async def pump() -> None:
        try:
            await asyncio.sleep(1_000.0)
        finally:
            await asyncio.sleep(1.0)
            diary.append("pump is clean")

    ref = system.spawn(named("a"), lambda: Scripted(diary))
    ref.tell(lambda actor: actor.context.run(pump(), name="pump") and None)
    await ref.ask("up", 1.0)
    assert [task.get_name() for task in asyncio.all_tasks() if "pump" in task.get_name()] == ["test/a:pump"]
    await system.stop(10.0)
    assert diary == ["started", "up", "pump is clean", StopReason.SHUTDOWN]


async def test_stopping_is_time_boxed(system: ActorSystem, caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            await asyncio.sleep(1_000.0)

    ref = system.spawn(named("a"), Slow, ActorOptions(stop_grace_s=2.0))
    await ref.ask("up", 1.0)
    start = now()
    ref.tell(lambda actor: actor.context.stop())
    await ref.stopped()
    assert now() - start == pytest.approx(2.0)
    assert "test/a: stopping() was not done in 2 s" in caplog.text


async def test_stopping_that_fails_does_not_keep_the_actor(system: ActorSystem) -> None:
    class Bad(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            boom(self)

    ref = system.spawn(named("a"), Bad)
    ref.tell(lambda actor: actor.context.stop())
    assert await ref.stopped() is StopReason.REQUESTED


async def test_an_actor_that_stops_can_start_nothing_new(system: ActorSystem) -> None:
    refused: list[str] = []

    class Late(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            for attempt in (
                lambda: self.context.spawn(named("child"), Scripted),
                lambda: self.context.run(asyncio.sleep(1.0), name="late"),
                lambda: self.context.after(1.0, "late"),
            ):
                with pytest.raises(ActorStoppedError) as caught:
                    attempt()
                refused.append(str(caught.value))

    ref = system.spawn(named("a"), Late)
    ref.tell(lambda actor: actor.context.stop())
    await ref.stopped()
    assert refused == ["test/a is stopping"] * 3


async def test_a_cancelled_watcher_leaves_the_others_waiting(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    first, second = (asyncio.create_task(ref.stopped()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    ref.tell(lambda actor: actor.context.stop())
    assert await second is StopReason.REQUESTED


# -------------------------------------------------------------------- timers


async def test_a_timer_tells_the_actor_after_its_delay(system: ActorSystem) -> None:
    times: list[float] = []
    ref = system.spawn(named("a"), Scripted)
    start = now()
    ref.tell(lambda actor: actor.context.after(3.0, lambda actor: times.append(now() - start)) and None)
    await asyncio.sleep(10.0)
    assert times == [pytest.approx(3.0)]
    assert ref._activation._timers == set()


async def test_a_cancelled_timer_tells_nothing(system: ActorSystem) -> None:
    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Scripted(diary))
    timer = await ref.ask(lambda actor: actor.context.after(3.0, "tick"), 1.0)
    assert isinstance(timer, Timer)
    timer.cancel()
    await asyncio.sleep(10.0)
    timer.cancel()
    assert diary == ["started"]


async def test_a_timer_ends_with_its_instance(system: ActorSystem) -> None:
    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Scripted(diary))
    ref.tell(lambda actor: actor.context.after(3.0, "tick") and None)
    ref.tell(boom)
    await asyncio.sleep(10.0)
    assert diary == ["started", StopReason.FAILED, "started"]


async def test_a_timer_that_meets_a_full_mailbox_tries_again(system: ActorSystem) -> None:
    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Scripted(diary), ActorOptions(mailbox_capacity=1))
    await ref.ask(lambda actor: actor.context.after(1.0, "tick"), 1.0)
    ref.tell(lambda actor: asyncio.sleep(2.0))
    await asyncio.sleep(0.1)
    ref.tell("fills the mailbox")
    with pytest.raises(MailboxFullError):
        ref.tell("refused")
    await asyncio.sleep(5.0)
    assert diary == ["started", "fills the mailbox", "tick"]


# -------------------------------------------------------------------- passivation


async def test_an_idle_actor_passivates(system: ActorSystem) -> None:
    start = now()
    ref = system.spawn(named("a"), Scripted, ActorOptions(idle_after_s=10.0))
    await asyncio.sleep(6.0)
    ref.tell("still wanted")
    assert await ref.stopped() is StopReason.IDLE
    assert now() - start == pytest.approx(16.0)


async def test_touch_counts_as_activity(system: ActorSystem) -> None:
    class Pumping(Actor):
        async def started(self) -> None:
            self.context.run(self.pump(), name="pump")

        async def pump(self) -> None:
            for _ in range(5):
                await asyncio.sleep(6.0)
                self.context.touch()

    start = now()
    ref = system.spawn(named("a"), Pumping, ActorOptions(idle_after_s=10.0))
    assert await ref.stopped() is StopReason.IDLE
    assert now() - start == pytest.approx(40.0)


async def test_children_block_passivation(system: ActorSystem) -> None:
    ref = system.spawn(named("parent"), Scripted, ActorOptions(idle_after_s=10.0))
    child = await ref.ask(lambda actor: actor.context.spawn(named("child"), Scripted), 1.0)
    await asyncio.sleep(55.0)
    assert ref.statistics().state is ActivationState.RUNNING
    child.tell(lambda actor: actor.context.stop())
    assert await ref.stopped() is StopReason.IDLE


async def test_a_reply_that_is_owed_blocks_passivation(system: ActorSystem) -> None:
    start = now()
    ref = system.spawn(named("a"), Scripted, ActorOptions(idle_after_s=10.0))
    future = asyncio.get_running_loop().create_future()
    asking = asyncio.create_task(ref.ask(lambda actor: future, 100.0))
    await asyncio.sleep(34.0)
    future.set_result("at last")
    assert await asking == "at last"
    await ref.stopped()
    assert now() - start == pytest.approx(44.0)


async def test_an_actor_may_refuse_passivation(system: ActorSystem) -> None:
    class Unwilling(Actor):
        asked = 0

        def may_passivate(self) -> bool:
            self.asked += 1
            return self.asked == 3

    start = now()
    ref = system.spawn(named("a"), Unwilling, ActorOptions(idle_after_s=10.0))
    await ref.stopped()
    assert now() - start == pytest.approx(30.0)


async def test_an_actor_that_cannot_say_whether_it_may_passivate_fails(system: ActorSystem) -> None:
    class Broken(Actor):
        def may_passivate(self) -> bool:
            raise ZeroDivisionError

    ref = system.spawn(named("a"), Broken, ActorOptions(idle_after_s=10.0))
    await asyncio.sleep(11.0)
    assert ref.statistics().counts.failures == 1
    assert ref.statistics().counts.restarts == 1


# -------------------------------------------------------------------- the same id again


class Lingering(Scripted):
    """Takes 3 s to stop."""

    async def stopping(self, reason: StopReason) -> None:
        await asyncio.sleep(3.0)
        self.diary.append(f"{self.context.id.key} is gone")


async def test_get_or_spawn_gives_the_one_that_lives(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    assert system.get_or_spawn(named("a"), Scripted) == ref
    assert system.find(named("a")) == ref
    assert system.find(named("b")) is None


async def test_a_new_activation_waits_until_the_old_one_has_stopped(system: ActorSystem) -> None:
    diary: list[object] = []
    old = system.spawn(named("a"), lambda: Lingering(diary))
    await old.ask(lambda actor: actor.context.stop(), 1.0)
    with pytest.raises(ActorStoppedError):
        old.tell("refused")
    assert system.find(named("a")) is None
    new = system.get_or_spawn(named("a"), lambda: Scripted(diary))
    assert new != old
    assert new.statistics().state is ActivationState.WAITING
    assert system.find(named("a")) == new
    await new.ask("hello", 10.0)
    assert diary == ["started", "a is gone", "started", "hello"]


async def test_a_new_activation_that_is_stopped_while_it_waits_never_starts(system: ActorSystem) -> None:
    diary: list[object] = []
    old = system.spawn(named("a"), lambda: Lingering(diary))
    await old.ask(lambda actor: actor.context.stop(), 1.0)
    new = system.get_or_spawn(named("a"), lambda: Scripted(diary))
    asking = asyncio.create_task(new.ask("hello", 10.0))
    await asyncio.sleep(0)
    await system.stop(10.0)
    assert system.statistics().tasks == 0
    with pytest.raises(ActorStoppedError):
        await asking
    assert await old.stopped() is StopReason.REQUESTED
    assert await new.stopped() is StopReason.SHUTDOWN
    assert diary == ["started", "a is gone"]


async def test_an_actor_can_take_over_an_id_from_another_parent(system: ActorSystem) -> None:
    diary: list[object] = []
    parent = system.spawn(named("parent"), Scripted)
    old = system.spawn(named("a"), lambda: Lingering(diary))
    await old.ask(lambda actor: actor.context.stop(), 1.0)
    new = await parent.ask(lambda actor: actor.context.get_or_spawn(named("a"), lambda: Scripted(diary)), 1.0)
    await new.ask("mine", 10.0)
    assert diary == ["started", "a is gone", "started", "mine"]
    assert await parent.ask(lambda actor: list(actor.context.children), 1.0) == [named("a")]
