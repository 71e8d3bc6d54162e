"""Questions between the two processes: answered once, in order, and never waited for without end."""

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_pipe import Pipe, Recorder

from actors import errors
from actors.kernel.testing import ClockJumpLoop
from actors.link import calls
from actors.link.calls import error_from_wire

TEXT = "hunter2"


def leaves(root: type[errors.LumiLinkError]) -> list[type[errors.LumiLinkError]]:
    branches = root.__subclasses__()
    return [leaf for branch in branches for leaf in leaves(branch)] if branches else [root]


async def test_an_answer_comes_back(pipe: Pipe):
    assert await pipe.caller.ask("sessions", {"installation": "a"}, 1.0) == (
        "sessions",
        {"installation": "a"},
    )


async def test_both_ends_may_ask(pipe: Pipe):
    assert await pipe.listener.ask("x", {}, 1.0) == ("x", {})


@pytest.mark.parametrize("cls", leaves(errors.LumiLinkError), ids=lambda cls: cls.__name__)
def test_every_error_survives_the_wire(cls: type[errors.LumiLinkError]):
    error = cls("what was wrong", 2.5)
    back = error_from_wire(error.code, error.detail, error.retry_after_s)

    assert type(back) is cls
    assert (back.detail, back.retry_after_s) == ("what was wrong", 2.5)


@pytest.mark.parametrize("code", ["of-a-newer-version", None, 7])
def test_an_unknown_code_is_an_internal_error(code: object):
    assert type(error_from_wire(code, "x", None)) is errors.InternalError


async def test_what_the_handler_raises_is_raised_to_the_asker(pipe: Pipe):
    async def refuse(method: str, arguments: dict[str, object]) -> object:
        raise errors.CapacityError("full", 5.0)

    pipe.at_listener.answer = refuse
    with pytest.raises(errors.CapacityError, match="full") as caught:
        await pipe.caller.ask("x", {}, 1.0)

    assert caught.value.retry_after_s == 5.0


async def test_a_handler_that_raises_before_it_awaits_is_answered_for_all_the_same(pipe: Pipe):
    def refuse(method: str, arguments: dict[str, object]):
        raise errors.MethodNotFoundError("no such call")

    pipe.at_listener.answer = refuse
    with pytest.raises(errors.MethodNotFoundError):
        await pipe.caller.ask("x", {}, 1.0)

    assert pipe.caller.is_open


async def test_a_bug_in_the_handler_is_told_without_its_text(pipe: Pipe, caplog: pytest.LogCaptureFixture):
    async def fail(method: str, arguments: dict[str, object]) -> object:
        raise KeyError(TEXT)

    pipe.at_listener.answer = fail
    with caplog.at_level(logging.ERROR), pytest.raises(errors.InternalError) as caught:
        await pipe.caller.ask("x", {}, 1.0)

    assert "KeyError" in caught.value.detail
    assert TEXT not in caught.value.detail + caplog.text


async def test_a_result_that_cannot_be_sent_is_an_error_and_not_silence(pipe: Pipe):
    async def unsendable(method: str, arguments: dict[str, object]) -> object:
        return object()

    pipe.at_listener.answer = unsendable
    with pytest.raises(errors.InternalError):
        await pipe.caller.ask("x", {}, 1.0)


async def test_arguments_that_cannot_be_sent_leave_nothing_behind(pipe: Pipe):
    with pytest.raises(TypeError):
        pipe.caller.call("x", {"a": object()}, lambda _: None)

    assert len(pipe.caller._calls) == 0


async def test_an_ask_ends_at_its_deadline(pipe: Pipe):
    never = asyncio.Event()

    async def wait(method: str, arguments: dict[str, object]) -> object:
        return await never.wait()

    pipe.at_listener.answer = wait
    begin = asyncio.get_running_loop().time()
    with pytest.raises(errors.AskDeadlineError):
        await pipe.caller.ask("x", {}, 1.5)

    assert asyncio.get_running_loop().time() - begin == pytest.approx(1.5)
    assert len(pipe.caller._calls) == 0, "what nobody waits for takes no place"
    never.set()
    await pipe.settle()
    assert pipe.caller.is_open, "an answer that comes too late does no harm"


async def test_an_asker_that_is_cancelled_leaves_nothing_behind(pipe: Pipe):
    async def wait(method: str, arguments: dict[str, object]) -> object:
        return await asyncio.Event().wait()

    pipe.at_listener.answer = wait
    asking = asyncio.ensure_future(pipe.caller.ask("x", {}, 100.0))
    await pipe.settle()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    assert len(pipe.caller._calls) == 0


async def test_a_call_too_many_is_refused(pipe: Pipe, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calls, "MAX_CALLS", 3)
    pipe.caller_end.mute = True
    for _ in range(3):
        pipe.caller.call("x", {}, lambda _: None)

    with pytest.raises(errors.MailboxFullError):
        pipe.caller.call("x", {}, lambda _: None)


async def test_a_link_that_is_gone_takes_no_calls(pipe: Pipe):
    pipe.caller.abort()
    with pytest.raises(errors.LinkBrokenError):
        pipe.caller.call("x", {}, lambda _: None)


async def test_work_on_an_answer_ends_with_the_link(pipe: Pipe):
    ended: list[str] = []

    async def wait(method: str, arguments: dict[str, object]) -> object:
        try:
            return await asyncio.Event().wait()
        finally:
            ended.append(method)

    pipe.at_listener.answer = wait
    pipe.caller.call("x", {}, lambda _: None)
    await pipe.settle()
    pipe.caller.abort()
    await pipe.settle()

    assert ended == ["x"]


async def test_a_reply_is_handled_in_its_place_among_the_data(pipe: Pipe):
    order: list[object] = []

    async def answer(method: str, arguments: dict[str, object]) -> object:
        pipe.listener.send_data(1, b"before")
        return "reply"

    pipe.at_listener.answer = answer
    pipe.caller.call("x", {}, lambda reply: order.append((reply, len(pipe.at_caller.told))))
    await pipe.settle()
    pipe.listener.send_data(1, b"after")
    await pipe.settle()

    assert order == [("reply", 1)]
    assert pipe.at_caller.told == [("data", 1, b"before", 0), ("data", 1, b"after", 0)]


@settings(max_examples=60, deadline=None)
@given(
    answered=st.lists(st.sampled_from(["answer", "refuse", "never"]), max_size=12),
    broken_after=st.integers(0, 12),
)
def test_every_call_is_told_of_exactly_once_also_when_the_link_breaks(answered: list[str], broken_after: int):
    async def answer(method: str, arguments: dict[str, object]) -> object:
        if method == "never":
            return await asyncio.Event().wait()
        if method == "refuse":
            raise errors.CapacityError("full")
        return arguments["number"]

    async def scenario() -> dict[int, list[object]]:
        pipe = Pipe(Recorder(), Recorder())
        await pipe.settle()
        pipe.at_listener.answer = answer
        replies: dict[int, list[object]] = {number: [] for number in range(len(answered))}
        for number, method in enumerate(answered):
            if number == broken_after:
                await pipe.settle()
                pipe.caller_end.mute = True
            pipe.caller.call(method, {"number": number}, replies[number].append)
        await pipe.settle()
        pipe.caller.abort()
        await pipe.settle()
        return replies

    loop = ClockJumpLoop()
    try:
        replies = loop.run_until_complete(scenario())
    finally:
        loop.close()
    for number, method in enumerate(answered):
        assert len(replies[number]) == 1
        heard = number < broken_after
        expected = {"answer": int, "refuse": errors.CapacityError, "never": errors.LinkBrokenError}[method]
        assert type(replies[number][0]) is (expected if heard else errors.LinkBrokenError)
