"""Matching answers to our requests."""

from __future__ import annotations

import asyncio

import pytest

from actors.agents.call import AgentCaller
from actors.errors import AgentClosedError, AgentTimeoutError, MailboxFullError
from actors.protocol import compose
from actors.protocol.envelope import Envelope, parse


def answer_to(request_id: int | float | str) -> Envelope:
    return parse(compose.response(request_id, {}))


async def test_each_answer_reaches_the_request_it_belongs_to() -> None:
    caller = AgentCaller()
    first, second = caller.open(), caller.open()
    assert caller.resolve(answer_to(second))
    assert caller.resolve(answer_to(first))
    assert (await caller.wait(first, 1)).id == first
    assert (await caller.wait(second, 1)).id == second
    assert caller.pending == 0


async def test_an_id_that_was_echoed_as_a_float_still_matches() -> None:
    caller = AgentCaller()
    request_id = caller.open()
    assert caller.resolve(parse(b'{"jsonrpc":"2.0","id":%d.0,"result":{}}' % request_id))


@pytest.mark.parametrize("other", [99, 1.5, "1"])
async def test_an_answer_to_nobody_is_not_taken(other: int | float | str) -> None:
    caller = AgentCaller()
    caller.open()
    assert not caller.resolve(answer_to(other))


async def test_the_second_answer_to_one_request_is_not_taken() -> None:
    caller = AgentCaller()
    request_id = caller.open()
    assert caller.resolve(answer_to(request_id))
    assert not caller.resolve(answer_to(request_id))


async def test_an_answer_that_comes_too_late_is_not_taken() -> None:
    caller = AgentCaller()
    request_id = caller.open()
    with pytest.raises(AgentTimeoutError):
        await caller.wait(request_id, 0.01)
    assert not caller.resolve(answer_to(request_id))


async def test_more_requests_than_allowed_are_refused_until_one_is_answered() -> None:
    caller = AgentCaller(max_pending=2)
    first, _ = caller.open(), caller.open()
    with pytest.raises(MailboxFullError):
        caller.open()
    caller.forget(first)
    assert caller.open() not in (first, first + 1)


async def test_a_cancelled_wait_frees_its_place() -> None:
    caller = AgentCaller(max_pending=1)
    waiting = asyncio.create_task(caller.wait(caller.open(), 5))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert caller.pending == 0


async def test_when_the_link_ends_every_request_fails() -> None:
    caller = AgentCaller()
    ids = [caller.open() for _ in range(3)]
    waits = [asyncio.create_task(caller.wait(request_id, 5)) for request_id in ids]
    await asyncio.sleep(0)
    caller.fail_all(AgentClosedError("gone"))
    results = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(result) for result in results] == [AgentClosedError] * 3
