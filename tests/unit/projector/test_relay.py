"""The relay empties the outbox in order, whatever the broker does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from unit.projector.projector_world import World

from actors.analytics import relay as relay_module
from actors.analytics.relay import Refusal, Relay
from actors.errors import BrokerUnavailableError
from actors.records.outgoing import Outgoing, OutgoingBox, Waiting, put_out


class Broker:
    """Takes what it is sent, but for what it refuses; goes away after so many."""

    def __init__(self, refuses: str = "", goes_after: int = 1_000) -> None:
        self.taken: list[str] = []
        self.refuses = refuses
        self.goes_after = goes_after
        self.is_closed = False

    async def send(
        self, messages: Sequence[Waiting], sent: Callable[[Waiting, Refusal | None], None]
    ) -> None:
        for one in messages:
            if len(self.taken) >= self.goes_after:
                raise BrokerUnavailableError("it is away")
            if one.message.message_id == self.refuses:
                sent(one, Refusal("TooLarge"))
                continue
            self.taken.append(one.message.message_id)
            sent(one, None)

    async def aclose(self) -> None:
        self.is_closed = True


async def fill(world: World, count: int) -> list[str]:
    names = [f"m{n}" for n in range(count)]
    async with world.store.database.transaction() as connection:
        await put_out(
            connection,
            [("acme", "acme/s", [Outgoing("events", one, "acme/", "x", "{}") for one in names])],
        )
    return names


async def empty(relay: Relay) -> None:
    while await relay.step():
        pass


async def test_messages_are_sent_in_the_order_in_which_they_were_written(world: World) -> None:
    broker, box = Broker(), OutgoingBox(world.store.database)
    names = await fill(world, 25)

    await empty(Relay(box, broker, window=10))

    assert broker.taken == names
    assert await box.first(10) == []


async def test_what_a_broker_had_taken_before_it_went_is_not_sent_again(world: World) -> None:
    broker, box = Broker(goes_after=7), OutgoingBox(world.store.database)
    names = await fill(world, 10)
    relay = Relay(box, broker)
    with pytest.raises(BrokerUnavailableError):
        await relay.step()
    assert [one.message.message_id for one in await box.first(10)] == names[7:]

    broker.goes_after = 1_000
    await empty(relay)

    assert broker.taken == names


async def test_a_message_that_is_refused_is_kept_and_holds_up_none(world: World) -> None:
    broker, box = Broker(refuses="m3"), OutgoingBox(world.store.database)
    names = await fill(world, 6)
    relay = Relay(box, broker)

    await empty(relay)

    assert broker.taken == [one for one in names if one != "m3"]
    [dead] = await box.dead_letters(10)
    assert (dead.message_id, dead.reason, dead.size) == ("m3", "TooLarge", 2)
    figures = await box.figures()
    assert (figures.waiting, figures.oldest, figures.dead) == (0, None, 1)


async def test_a_dead_letter_is_sent_again_when_somebody_asks_for_it(world: World) -> None:
    broker, box = Broker(refuses="m0"), OutgoingBox(world.store.database)
    await fill(world, 2)
    relay = Relay(box, broker)
    await empty(relay)
    broker.refuses = ""

    assert await box.replay("other") == 0
    assert await box.replay("acme") == 1
    await empty(relay)

    assert broker.taken == ["m1", "m0"]
    assert (await box.figures()).dead == 0


async def test_a_relay_that_runs_goes_on_when_the_broker_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(relay_module, "FIGURES_EVERY_S", 0.01)
    broker = Broker(goes_after=3)
    relay = Relay(OutgoingBox(world.store.database), broker, window=2)
    names = await fill(world, 6)
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(5.0):
        while relay.figures().waiting != 3:
            await asyncio.sleep(0.005)
        assert relay.figures().oldest_s > 0
        broker.goes_after = 1_000
        while relay.figures().sent < 6:
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.wait([running])

    assert broker.taken == names
    assert broker.is_closed
