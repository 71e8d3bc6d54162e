"""The whole of ``lumilink connect`` but the process: pipes, sockets, time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
from connect_gateway import QUICK, WAIT_S, Editor, fake_gateway, running_editor

from topology.connect.relay import MAX_HELD


async def exit_code(running: asyncio.Task[int]) -> int:
    async with asyncio.timeout(WAIT_S):
        return await asyncio.shield(running)


async def test_a_socket_that_drops_in_mid_turn_is_not_noticed_by_the_editor() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, _):
        session_id = await editor.begin()
        editor.prompt(3, session_id)
        await gateway.until(lambda: bool(gateway.model.sessions[session_id].running))
        gateway.model.stream(session_id, "one")
        gateway.flush()
        assert (await editor.hear())["method"] == "session/update"
        gateway.drop()
        await gateway.until(lambda: not gateway.is_connected)
        gateway.model.stream(session_id, "two")
        [prompt_id] = gateway.model.sessions[session_id].running
        gateway.model.finish(session_id, prompt_id)
        assert (await editor.hear())["params"]["update"]["content"]["text"] == "two"
        assert await editor.hear() == {"jsonrpc": "2.0", "id": 3, "result": {"stopReason": prompt_id}}


async def test_a_socket_that_drops_before_a_prompt_arrives_costs_nothing() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, _):
        session_id = await editor.begin()
        gateway.swallows = lambda message: message["method"] == "session/prompt"
        editor.prompt(3, session_id)
        await gateway.until(lambda: gateway.taken[-1]["method"] == "session/prompt")
        gateway.swallows = lambda message: False
        gateway.drop()
        await gateway.until(lambda: bool(gateway.model.sessions[session_id].running))
        [prompt_id] = gateway.model.sessions[session_id].running
        gateway.model.finish(session_id, prompt_id)
        gateway.flush()
        assert (await editor.hear())["result"] == {"stopReason": prompt_id}


async def test_a_socket_that_drops_while_sessions_are_attached_is_dialled_again() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, _):
        session_id = await editor.begin()
        gateway.swallows = lambda message: message["method"].startswith("_lumilink/")
        gateway.drop()
        await gateway.until(lambda: gateway.taken[-1]["method"] == "_lumilink/session/attach")
        gateway.swallows = lambda message: False
        gateway.drop()
        await gateway.until(lambda: session_id in gateway.model._views)
        gateway.model.stream(session_id, "here")
        gateway.flush()
        assert (await editor.hear())["params"]["update"]["content"]["text"] == "here"


async def test_a_gateway_that_never_takes_us_in_is_left_for_another_try() -> None:
    patience = replace(QUICK, live_s=0.02)
    async with fake_gateway() as gateway, running_editor(gateway.port, patience) as (editor, _):
        session_id = await editor.begin()
        gateway.swallows = lambda message: True
        gateway.drop()
        connections = gateway.model.connection
        await gateway.until(lambda: gateway.model.connection >= connections + 2)
        gateway.swallows = lambda message: False
        await gateway.until(lambda: session_id in gateway.model._views)


async def test_a_gateway_that_comes_late_gets_what_was_said_before() -> None:
    async with fake_gateway() as gateway:
        gateway.is_down = True
        patience = replace(QUICK, first_gateway_s=WAIT_S)
        async with running_editor(gateway.port, patience) as (editor, _):
            editor.say(id=1, method="initialize", params={"protocolVersion": 1})
            gateway.is_down = False
            assert "result" in await editor.hear()


async def test_without_any_gateway_it_ends_with_1_and_says_what_to_do(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_editor(unused_tcp_port) as (_, running):
        assert await exit_code(running) == 1
    [record] = caplog.records
    assert "lumilink up" in record.getMessage()
    assert f"127.0.0.1:{unused_tcp_port}" in record.getMessage()


class _Told(logging.Handler):
    """Lets a test wait for a line of the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.event = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.event.set()


@pytest.fixture
def told() -> Iterator[asyncio.Event]:
    handler = _Told()
    logging.getLogger("lumilink.connect").addHandler(handler)
    yield handler.event
    logging.getLogger("lumilink.connect").removeHandler(handler)


async def test_a_gateway_that_was_there_once_is_waited_for_and_missed_aloud(told: asyncio.Event) -> None:
    patience = replace(QUICK, first_gateway_s=0.0, tell_after_s=0.02, tell_every_s=0.01)
    async with fake_gateway() as gateway, running_editor(gateway.port, patience) as (editor, running):
        await editor.begin()
        gateway.is_down = True
        gateway.drop()
        async with asyncio.timeout(WAIT_S):
            await told.wait()
        assert not running.done()
        gateway.is_down = False
        await gateway.until(lambda: gateway.is_connected)


async def test_the_end_of_stdin_is_the_end() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, running):
        await editor.begin()
        editor.close_stdin()
        assert await exit_code(running) == 0
        await gateway.until(lambda: not gateway.is_connected)


async def test_what_was_asked_before_the_end_of_stdin_is_still_answered() -> None:
    patience = replace(QUICK, last_answers_s=WAIT_S)
    async with fake_gateway() as gateway, running_editor(gateway.port, patience) as (editor, running):
        editor.say(id=1, method="initialize", params={})
        editor.say(id=2, method="session/list")
        editor.close_stdin()
        assert [(await editor.hear())["id"] for _ in range(2)] == [1, 2]
        assert await exit_code(running) == 0


async def test_an_editor_that_is_gone_ends_it() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, running):
        session_id = await editor.begin()
        editor.close_stdout()
        gateway.model.stream(session_id, "nobody reads this")
        gateway.flush()
        assert await exit_code(running) == 0


async def test_stop_ends_it_with_0_and_tells_open_requests() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, running):
        await editor.begin()
        gateway.swallows = lambda message: True
        editor.say(id=9, method="session/list")
        await gateway.until(lambda: gateway.taken[-1]["method"] == "session/list")
        editor.bridge.stop()
        assert await exit_code(running) == 0
        assert (await editor.hear())["error"]["code"] == -32010


async def test_an_editor_that_does_not_read_loses_nothing() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, _):
        session_id = await editor.begin()
        texts = [f"{number} " + "x" * 100_000 for number in range(40)]
        for text in texts:
            gateway.model.stream(session_id, text)
        gateway.flush()
        await asyncio.sleep(0.05)  # it has time to fill every buffer on the way
        assert editor.bridge._output.is_full
        assert len(editor.bridge._output._waiting) < 2_000_000
        heard = [(await editor.hear())["params"]["update"]["content"]["text"] for _ in texts]
        assert heard == texts


async def test_without_a_gateway_the_editor_is_read_up_to_a_bound() -> None:
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, _):
        await editor.begin()
        gateway.is_down = True
        gateway.drop()
        await gateway.until(lambda: not gateway.is_connected)
        for number in range(MAX_HELD + 50):
            editor.say(method="_note", params={"n": number})
        await asyncio.sleep(0.05)  # it has time to read too much
        assert len(editor.bridge._relay._held) == MAX_HELD
        gateway.is_down = False
        await gateway.until(lambda: gateway.taken[-1].get("params") == {"n": MAX_HELD + 49})
        notes = [m["params"]["n"] for m in gateway.taken if m["method"] == "_note"]
        assert notes == list(range(MAX_HELD + 50))


async def test_messages_of_several_lines_reach_the_editor_as_one(unused_tcp_port: int) -> None:
    editor = Editor(unused_tcp_port)
    editor.bridge.to_editor(b'{\n  "id": 1\r\n}')
    assert await editor.hear() == {"id": 1}
    editor.close()


async def test_a_line_without_end_ends_it_with_1(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("topology.connect.bridge.MAX_LINE_BYTES", 1000)
    async with fake_gateway() as gateway, running_editor(gateway.port) as (editor, running):
        await editor.begin()
        editor.say(method="_note", params={"secret": "c4n4ry" * 500})
        assert await exit_code(running) == 1
    assert "c4n4ry" not in caplog.text
    assert caplog.records[-1].levelno == logging.ERROR
