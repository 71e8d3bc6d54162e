import asyncio
import logging

import pytest
from scripted import SECRET, Boom, Scripted, boom, named

from actors.errors import (
    ActorFailedError,
    ActorStoppedError,
    AskDeadlineError,
    MailboxFullError,
    RequestCancelledError,
    SessionClosedError,
)
from actors.kernel import Actor, ActorOptions, ActorSystem


def reject(actor: object) -> object:
    raise SessionClosedError("closed")


async def test_messages_are_handled_in_the_order_in_which_they_were_told(system: ActorSystem) -> None:
    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Scripted(diary))
    for number in range(200):
        ref.tell(number)
    await ref.ask(0, 1.0)
    assert diary == ["started", *range(200), 0]


async def test_a_plain_value_answers_the_ask(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    assert await ref.ask(lambda actor: 42, 1.0) == 42
    assert await ref.ask(lambda actor: None, 1.0) is None


async def test_a_full_mailbox_refuses_the_next_tell(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted, ActorOptions(mailbox_capacity=2))
    ref.tell(1)
    ref.tell(2)
    with pytest.raises(MailboxFullError, match="test/a has 2 messages waiting"):
        ref.tell(3)
    with pytest.raises(MailboxFullError):
        await ref.ask(3, 1.0)
    statistics = ref.statistics()
    assert (statistics.mailbox_depth, statistics.mailbox_high_water) == (2, 2)
    assert (statistics.mailbox_capacity, statistics.counts.refused) == (2, 2)


async def test_the_high_water_mark_stays_when_the_mailbox_empties(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    for number in range(7):
        ref.tell(number)
    await ref.ask(0, 1.0)
    assert (ref.statistics().mailbox_depth, ref.statistics().mailbox_high_water) == (0, 8)


async def test_a_coroutine_keeps_the_next_message_waiting(system: ActorSystem) -> None:
    diary: list[object] = []

    async def slow(actor: Scripted) -> str:
        diary.append("slow begins")
        await asyncio.sleep(3.0)
        diary.append("slow ends")
        return "slow"

    ref = system.spawn(named("a"), lambda: Scripted(diary))
    asking = asyncio.create_task(ref.ask(lambda actor: slow(actor), 10.0))
    await asyncio.sleep(1.0)
    ref.tell("next")
    assert await asking == "slow"
    await ref.ask("last", 1.0)
    assert diary == ["started", "slow begins", "slow ends", "next", "last"]


async def test_a_deferred_reply_lets_the_mailbox_go_on(system: ActorSystem) -> None:
    async def later() -> str:
        await asyncio.sleep(3.0)
        return "later"

    ref = system.spawn(named("a"), Scripted)
    asking = asyncio.create_task(ref.ask(lambda actor: actor.context.run(later(), name="later"), 10.0))
    assert await ref.ask(lambda actor: "at once", 1.0) == "at once"
    assert not asking.done()
    assert await asking == "later"


async def test_one_future_may_answer_several_asks(system: ActorSystem) -> None:
    future = asyncio.get_running_loop().create_future()
    ref = system.spawn(named("a"), Scripted)
    asking = [asyncio.create_task(ref.ask(lambda actor: future, 1.0)) for _ in range(3)]
    await ref.ask("all handled", 1.0)
    future.set_result("all")
    assert await asyncio.gather(*asking) == ["all"] * 3


async def test_a_rejection_reaches_the_asker_and_the_actor_goes_on(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    with pytest.raises(SessionClosedError, match="closed"):
        await ref.ask(reject, 1.0)
    assert await ref.ask(lambda actor: "still here", 1.0) == "still here"
    assert (ref.statistics().counts.rejected, ref.statistics().counts.failures) == (1, 0)


async def test_a_rejected_tell_is_counted_and_logged(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "lumilink.kernel")
    ref = system.spawn(named("a"), Scripted)
    ref.tell(reject)
    await ref.ask("done", 1.0)
    assert ref.statistics().counts.rejected == 1
    assert "test/a rejected a tell: SessionClosedError" in caplog.text


@pytest.mark.parametrize("form", ["coroutine", "task", "future"])
async def test_a_rejection_may_come_late(system: ActorSystem, form: str) -> None:
    async def late() -> None:
        await asyncio.sleep(1.0)
        raise SessionClosedError("late")

    def receive(actor: Scripted) -> object:
        if form == "coroutine":
            return late()
        if form == "task":
            return actor.context.run(late(), name="late")
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(1.0, future.set_exception, SessionClosedError("late"))
        return future

    ref = system.spawn(named("a"), Scripted)
    with pytest.raises(SessionClosedError, match="late"):
        await ref.ask(receive, 5.0)
    ref.tell(receive)
    await asyncio.sleep(2.0)
    assert (ref.statistics().counts.rejected, ref.statistics().counts.failures) == (2, 0)


async def test_a_failure_tells_the_asker_no_more_than_its_type(
    system: ActorSystem, caplog: pytest.LogCaptureFixture
) -> None:
    ref = system.spawn(named("a"), Scripted)
    with pytest.raises(ActorFailedError) as caught:
        await ref.ask(boom, 1.0)
    assert str(caught.value) == "test/a failed: Boom"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "Boom" in caplog.text
    assert "in boom" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("form", ["coroutine", "task"])
async def test_a_late_failure_reaches_the_asker_and_restarts_the_actor(
    system: ActorSystem, form: str
) -> None:
    async def late() -> None:
        await asyncio.sleep(1.0)
        raise Boom

    ref = system.spawn(named("a"), Scripted)
    with pytest.raises(ActorFailedError, match="Boom"):
        await ref.ask(
            lambda actor: late() if form == "coroutine" else actor.context.run(late(), name="late"), 5.0
        )
    await ref.ask("restarted", 5.0)
    assert (ref.statistics().counts.failures, ref.statistics().counts.restarts) == (1, 1)


async def test_an_ask_ends_at_its_deadline(system: ActorSystem) -> None:
    loop = asyncio.get_running_loop()
    ref = system.spawn(named("a"), Scripted)
    start = loop.time()
    with pytest.raises(AskDeadlineError, match=r"test/a gave no answer in 2\.5 s"):
        await ref.ask(lambda actor: asyncio.sleep(10.0), 2.5)
    assert loop.time() - start == pytest.approx(2.5)


async def test_an_ask_that_nobody_waits_for_any_more_is_not_handled(system: ActorSystem) -> None:
    diary: list[object] = []
    ref = system.spawn(named("a"), lambda: Scripted(diary))
    ref.tell(lambda actor: asyncio.sleep(5.0))
    cancelled = asyncio.create_task(ref.ask("cancelled", 10.0))
    await asyncio.sleep(0.5)
    cancelled.cancel()
    with pytest.raises(AskDeadlineError):
        await ref.ask("late", 1.0)
    await ref.ask("waited for", 10.0)
    assert diary == ["started", "waited for"]
    assert ref.statistics().counts.expired == 2


async def test_the_answer_to_a_cancelled_ask_is_dropped(system: ActorSystem) -> None:
    future = asyncio.get_running_loop().create_future()
    ref = system.spawn(named("a"), Scripted)
    asking = asyncio.create_task(ref.ask(lambda actor: future, 10.0))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    future.set_result("too late")
    assert await ref.ask(lambda actor: "fine", 1.0) == "fine"


@pytest.mark.parametrize("form", ["plain", "coroutine", "task"])
async def test_work_that_the_actor_itself_cancels_ends_its_ask(system: ActorSystem, form: str) -> None:
    def receive(actor: Scripted) -> object:
        dead = asyncio.get_running_loop().create_future()
        dead.cancel()

        async def look() -> object:
            return await dead

        if form == "plain":
            return dead.result()
        return look() if form == "coroutine" else actor.context.run(look(), name="look")

    ref = system.spawn(named("a"), Scripted)
    with pytest.raises(RequestCancelledError):
        await ref.ask(receive, 1.0)
    assert await ref.ask(lambda actor: "goes on", 1.0) == "goes on"
    assert ref.statistics().counts.restarts == 0


async def test_a_stopped_actor_refuses_tell_and_ask(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    ref.tell(lambda actor: actor.context.stop())
    await ref.stopped()
    with pytest.raises(ActorStoppedError):
        ref.tell("too late")
    with pytest.raises(ActorStoppedError):
        await ref.ask("too late", 1.0)


async def test_an_actor_may_answer_and_stop_in_one_go(system: ActorSystem) -> None:
    async def close(actor: Scripted) -> str:
        await asyncio.sleep(0.1)
        actor.context.stop()
        return "closed"

    for way, script in (("plain", None), ("coroutine", close)):
        ref = system.spawn(named(way), Scripted)
        answer = await ref.ask(script or (lambda actor: (actor.context.stop(), "closed")[1]), 1.0)
        assert answer == "closed"
        await ref.stopped()


async def test_no_actor_handles_more_than_its_share_before_the_next_has_its_turn() -> None:
    system = ActorSystem(on_escalation=pytest.fail, messages_per_turn=3)
    order: list[str] = []

    class Noting(Actor):
        def receive(self, message: object) -> None:
            order.append(self.context.id.key)

    first, second = (system.spawn(named(key), Noting) for key in "ab")
    await asyncio.gather(first.ask(0, 1.0), second.ask(0, 1.0))
    order.clear()
    for ref in (first, second):
        for number in range(5):
            ref.tell(number)
    await asyncio.gather(first.ask(0, 1.0), second.ask(0, 1.0))
    await system.stop(1.0)
    assert "".join(order) == "aaabbbaaabbb"


async def test_a_long_pass_lets_the_loop_do_other_things() -> None:
    system = ActorSystem(on_escalation=pytest.fail, pass_limit_s=0.0)
    seen: list[str] = []
    refs = [system.spawn(named(key), Scripted) for key in "abc"]
    await asyncio.gather(*(ref.ask("ready", 1.0) for ref in refs))
    loop = asyncio.get_running_loop()
    refs[0].tell(lambda actor: loop.call_soon(seen.append, "loop"))
    for ref in refs[1:]:
        ref.tell(lambda actor: seen.append(actor.context.id.key))
    await refs[2].ask("done", 1.0)
    await system.stop(1.0)
    assert seen == ["loop", "b", "c"]


async def test_a_message_costs_no_task(system: ActorSystem) -> None:
    ref = system.spawn(named("a"), Scripted)
    await ref.ask("ready", 1.0)
    before = len(asyncio.all_tasks())
    ref.tell("plain")
    assert len(asyncio.all_tasks()) == before
    assert await ref.ask(lambda actor: len(asyncio.all_tasks()), 1.0) == before
    assert ref.statistics().tasks == 0
