import asyncio

import pytest
from scripted import Scripted, boom, named

from actors.errors import ActorStoppedError
from actors.kernel import ActorOptions, ActorRef, ActorSystem, StopReason


async def stubborn() -> None:
    """Ends at its third cancellation."""
    for _ in range(2):
        try:
            await asyncio.sleep(1_000.0)
        except asyncio.CancelledError:
            continue
    await asyncio.sleep(1_000.0)


async def test_a_system_needs_a_running_loop_and_gives_nothing_after_its_end() -> None:
    system = ActorSystem(on_escalation=pytest.fail)
    await system.stop(1.0)
    with pytest.raises(ActorStoppedError):
        system.spawn(named("a"), Scripted)


async def test_stopping_twice_is_stopping_once(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    await asyncio.gather(system.stop(5.0), system.stop(5.0))
    assert await ref.stopped() is StopReason.SHUTDOWN


async def test_stop_keeps_to_its_grace_and_leaves_no_task(caplog: pytest.LogCaptureFixture) -> None:
    class Slow(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            await asyncio.sleep(1_000.0)

    system = ActorSystem(on_escalation=pytest.fail)
    patient = ActorOptions(stop_grace_s=500.0)
    parent = system.spawn(named("parent"), Slow, patient)
    kid = await parent.ask(lambda actor: actor.context.spawn(named("kid"), Slow, patient), 1.0)
    asking = asyncio.create_task(kid.ask(lambda actor: asyncio.sleep(1_000.0), 1_000.0))
    backing_off = system.spawn(named("failed"), Scripted)
    backing_off.tell(boom)
    await asyncio.sleep(0.05)
    start = asyncio.get_running_loop().time()
    await system.stop(3.0)
    assert asyncio.get_running_loop().time() - start == pytest.approx(3.0)
    assert [await ref.stopped() for ref in (parent, kid)] == [StopReason.SHUTDOWN] * 2
    assert "actors had not stopped in 3 s" in caplog.text
    assert system.statistics().tasks == system.statistics().actors == 0
    with pytest.raises(ActorStoppedError):
        await asking
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_stop_whose_time_is_up_still_ends_the_deepest_first() -> None:
    class Slow(Scripted):
        async def stopping(self, reason: StopReason) -> None:
            await asyncio.sleep(1_000.0)

    system = ActorSystem(on_escalation=pytest.fail)
    order: list[str] = []

    async def watch(ref: ActorRef) -> None:
        await ref.stopped()
        order.append(ref.id.key)

    ref = system.spawn(named("0"), Slow)
    watching = [asyncio.create_task(watch(ref))]
    for depth in range(1, 8):
        key = named(str(depth))
        ref = await ref.ask(lambda actor, key=key: actor.context.spawn(key, Slow), 1.0)
        watching.append(asyncio.create_task(watch(ref)))
    await ref.ask("up", 1.0)
    await system.stop(1.0)
    await asyncio.gather(*watching)
    assert "".join(order) == "76543210"


async def test_a_task_that_ignores_its_cancellation_is_named_and_does_not_hold_up_the_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    system = ActorSystem(on_escalation=pytest.fail)
    ref = system.spawn(named("a"), Scripted, ActorOptions(stop_grace_s=2.0))
    task = await ref.ask(lambda actor: [actor.context.run(stubborn(), name="stubborn")], 1.0)
    await asyncio.sleep(0)
    await system.stop(10.0)
    assert "test/a:stubborn ignored its cancellation for 2 s" in caplog.text
    assert "test/a:stubborn ignores its cancellation" in caplog.text
    assert system.statistics().tasks == 1
    for _ in range(2):
        task[0].cancel()
        await asyncio.wait(task, timeout=1.0)
    assert system.statistics().tasks == 0


async def test_the_statistics_of_a_system_include_actors_that_have_ended(system: ActorSystem) -> None:
    first, second = (system.spawn(named(key), Scripted) for key in "ab")
    await first.ask("one", 1.0)
    await first.ask(lambda actor: actor.context.stop(), 1.0)
    await first.stopped()
    await second.ask("three", 1.0)
    second.tell(lambda actor: asyncio.sleep(1.0))
    await asyncio.sleep(0.5)
    second.tell("waits")
    statistics = system.statistics()
    assert (statistics.actors, statistics.mailbox_depth, statistics.tasks) == (1, 1, 1)
    assert statistics.counts.handled == 4


async def test_a_thousand_idle_actors_have_no_task(system: ActorSystem) -> None:
    options = ActorOptions(idle_after_s=600.0)
    refs = [system.spawn(named(str(number)), Scripted, options) for number in range(1_000)]
    await asyncio.gather(*(ref.ask("up", 5.0) for ref in refs))
    assert system.statistics().tasks == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_fullest_mailbox_is_the_one_that_counts(system: ActorSystem):
    assert system.deepest_mailbox() == 0
    one, two = (system.spawn(named(key), Scripted) for key in ("one", "two"))
    for _ in range(3):
        one.tell("a")
    two.tell("b")

    assert system.deepest_mailbox() == 3
