"""The chat over a pipe, against a gateway on loopback."""

from __future__ import annotations

import asyncio
import io
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from acp import RequestError
from connect_gateway import WAIT_S, FakeGateway, fake_gateway
from connect_model import frame
from rich.console import Console

from actors.agents.target import AgentTarget
from actors.errors import AgentUnreachableError, LinkBrokenError
from topology.chat.connection import Patience, told
from topology.chat.conversation import Conversation
from topology.chat.lines import Lines
from topology.chat.view import View
from topology.connect.descriptors import Input

QUICK = Patience(first_retry_s=0.005, most_retry_s=0.01, tries=3)
DONE = {"stopReason": "end_turn"}
MODES = {
    "currentModeId": "ask",
    "availableModes": [{"id": "ask", "name": "Ask"}, {"id": "auto", "name": "Auto", "description": "Freely"}],
}
TOOL = {
    "toolCall": {"toolCallId": "c", "title": "Delete all"},
    "options": [
        {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
        {"optionId": "no", "name": "Reject", "kind": "reject_once"},
    ],
}


class _Screen(io.StringIO):
    """What the chat has written; a test can wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()

    def flush(self) -> None:
        self.changed.set()


class User:
    """Types into the pipe and reads the screen."""

    def __init__(self, gateway: FakeGateway, *, is_typed: bool = False) -> None:
        self.read_fd, self.write_fd = os.pipe()
        self._gateway = gateway
        self._screen = _Screen()
        view = View(Console(file=self._screen, highlight=False, width=200), is_typed=is_typed)
        target = AgentTarget.parse(f"ws://127.0.0.1:{gateway.port}/acp")
        self.chat = Conversation(target, Lines(Input(self.read_fd)), view, QUICK)

    def types(self, *lines: str) -> None:
        os.write(self.write_fd, "".join(line + "\n" for line in lines).encode())

    def leaves(self) -> None:
        if self.write_fd >= 0:
            os.close(self.write_fd)
            self.write_fd = -1

    def closes(self) -> None:
        self.leaves()
        os.close(self.read_fd)

    @property
    def screen(self) -> str:
        return self._screen.getvalue()

    async def sees(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(WAIT_S):
            while self.screen.count(text) < times:
                self._screen.changed.clear()
                await self._screen.changed.wait()

    async def turn(self) -> tuple[str, str]:
        """Wait until the gateway runs a turn; its session and prompt id."""
        sessions = self._gateway.model.sessions
        await self._gateway.until(lambda: any(session.running for session in sessions.values()))
        return next((name, next(iter(s.running))) for name, s in sessions.items() if s.running)

    async def agent_does(self, *steps: Callable[[str], object]) -> None:
        """Let the agent do something in the running turn and end it."""
        session_id, prompt_id = await self.turn()
        for step in steps:
            step(session_id)
        self._gateway.model.finish(session_id, prompt_id, DONE)
        self._gateway.flush()


@asynccontextmanager
async def chatting(
    session_id: str | None = None, *, is_typed: bool = False, setup: dict[str, Any] | None = None
) -> AsyncIterator[tuple[User, FakeGateway, asyncio.Task[None]]]:
    async with fake_gateway() as gateway:
        gateway.model.setup = setup or {}
        user = User(gateway, is_typed=is_typed)
        running = asyncio.create_task(user.chat.run(session_id))
        try:
            yield user, gateway, running
            user.leaves()
            async with asyncio.timeout(WAIT_S):
                await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            user.closes()


async def test_every_line_of_a_pipe_is_a_prompt_and_its_end_the_end() -> None:
    async with chatting() as (user, gateway, running):
        user.types("first", "second")
        user.leaves()
        await user.agent_does(lambda session: gateway.model.stream(session, "one"))
        await user.agent_does(lambda session: gateway.model.stream(session, "two"))
        async with asyncio.timeout(WAIT_S):
            await running
    assert re.sub(r"s\d", "S", user.screen).splitlines() == [
        "Session S. /help lists the commands.",
        "> first",
        "one",
        "> second",
        "two",
    ]


async def test_the_client_offers_neither_files_nor_terminals() -> None:
    async with chatting() as (user, gateway, _):
        await user.sees("Session")
        [hello] = [message for message in gateway.taken if message["method"] == "initialize"]
        capabilities = hello["params"].get("clientCapabilities", {})
        assert not capabilities.get("terminal")
        assert not any(capabilities.get("fs", {}).values())
        gateway.model.say(
            {"id": "x", "method": "fs/read_text_file", "params": {"sessionId": "s1", "path": "/"}}
        )
        gateway.flush()
        await gateway.until(lambda: gateway.taken[-1].get("id") == "x")
        assert gateway.taken[-1]["error"]["code"] == -32601


@pytest.mark.parametrize(("answer", "chosen"), [("1", "yes"), ("r", "no")])
async def test_a_question_takes_the_next_line(answer: str, chosen: str) -> None:
    async with chatting() as (user, gateway, _):
        user.types("go", "nonsense", answer)
        session_id, _ = await user.turn()
        question = gateway.model.ask(session_id, **TOOL)
        gateway.flush()
        await gateway.until(lambda: question in gateway.model.answers)
        assert gateway.model.answers[question] == [{"outcome": {"outcome": "selected", "optionId": chosen}}]
        await user.agent_does()
    assert "? Delete all\n  1  Allow\n  2  Reject\nanswer> nonsense\n" in user.screen


async def test_the_end_of_the_pipe_answers_a_question_with_cancelled() -> None:
    async with chatting() as (user, gateway, _):
        user.types("go")
        user.leaves()
        session_id, _ = await user.turn()
        question = gateway.model.ask(session_id, **TOOL)
        gateway.flush()
        await gateway.until(lambda: question in gateway.model.answers)
        assert gateway.model.answers[question] == [{"outcome": {"outcome": "cancelled"}}]
        await user.agent_does()


async def test_a_question_between_turns_goes_before_the_prompt() -> None:
    async with chatting(is_typed=True) as (user, gateway, _):
        await user.sees("> ")
        gateway.model.ask("s1", **TOOL)
        gateway.flush()
        await user.sees("answer> ")
        user.types("1")
        await gateway.until(lambda: bool(gateway.model.answers))
        user.types("go")
        await user.agent_does()
    assert user.screen.rstrip().endswith(">")


async def test_an_interrupt_cancels_the_turn_and_its_question() -> None:
    async with chatting() as (user, gateway, _):
        user.types("go")
        session_id, prompt_id = await user.turn()
        question = gateway.model.ask(session_id, **TOOL)
        gateway.flush()
        await user.sees("Delete all")
        user.chat.interrupt()
        await gateway.until(lambda: question in gateway.model.answers)
        await gateway.until(lambda: any(m.get("method") == "session/cancel" for m in gateway.taken))
        assert gateway.model.answers[question] == [{"outcome": {"outcome": "cancelled"}}]
        gateway.model.finish(session_id, prompt_id, {"stopReason": "cancelled"})
        gateway.flush()
        await user.sees("(cancelled)")
        user.types("again")
        await user.agent_does()


async def test_a_second_interrupt_leaves_without_waiting_for_the_agent() -> None:
    async with chatting() as (user, _, running):
        user.types("go")
        await user.turn()
        user.chat.interrupt()
        user.chat.interrupt()
        async with asyncio.timeout(WAIT_S):
            await running


async def test_an_interrupt_at_the_prompt_leaves() -> None:
    async with chatting() as (user, _, running):
        await user.sees("Session")
        user.chat.interrupt()
        async with asyncio.timeout(WAIT_S):
            await running
    assert user.chat.session_id == "s1"


async def test_a_turn_goes_on_over_a_lost_connection_and_nothing_is_shown_twice() -> None:
    async with chatting() as (user, gateway, _):
        user.types("go")
        session_id, _ = await user.turn()
        gateway.model.stream(session_id, "before. ")
        gateway.flush()
        await user.sees("before.")
        gateway.drop()
        await gateway.until(lambda: not gateway.is_connected)
        gateway.model.stream(session_id, "meanwhile. ")
        await user.sees("(connected again)")
        await user.agent_does(lambda session: gateway.model.stream(session, "after."))
        await user.sees("after.")
        prompts = [
            m["params"]["_meta"]["lumilink"] for m in gateway.taken if m.get("method") == "session/prompt"
        ]
        assert len(prompts) == 2
        assert prompts[0] == prompts[1]
        assert len(gateway.model.sessions[session_id].turns) == 1
    assert [user.screen.count(text) for text in ("before.", "meanwhile.", "after.", "> go")] == [1, 1, 1, 1]


async def test_a_connection_that_is_lost_at_the_prompt_is_made_anew() -> None:
    async with chatting() as (user, gateway, _):
        await user.sees("Session")
        gateway.drop()
        await user.sees("(connected again)")
        user.types("go")
        await user.agent_does(lambda session: gateway.model.stream(session, "here"))
        await user.sees("here")


async def test_a_gateway_that_does_not_come_back_ends_the_chat() -> None:
    async with fake_gateway() as gateway:
        user = User(gateway)
        running = asyncio.create_task(user.chat.run(None))
        await user.sees("Session")
        gateway.is_down = True
        gateway.drop()
        with pytest.raises(LinkBrokenError, match="did not come back"):
            await running
        user.closes()


async def test_an_earlier_session_is_shown_from_its_beginning() -> None:
    async with fake_gateway() as gateway:
        first = User(gateway)
        async with asyncio.timeout(WAIT_S):
            running = asyncio.create_task(first.chat.run(None))
            first.types("my question")
            await first.agent_does(lambda session: gateway.model.stream(session, "an answer"))
            first.leaves()
            await running
            second = User(gateway)
            second.leaves()
            await second.chat.run("s1")
        first.closes()
        second.closes()
    assert "> my question\nan answer\nSession s1." in second.screen


async def test_a_session_that_is_refused_is_told_with_what_to_do() -> None:
    error = {"code": -32002, "message": "no such session", "data": {"recovery": "List them."}}
    async with fake_gateway() as gateway:
        gateway.model.refusal = error
        user = User(gateway)
        with pytest.raises(RequestError) as caught:
            await user.chat.run("s9")
        user.closes()
    assert told(caught.value) == ("no such session", "List them.")


async def test_without_a_gateway_there_is_no_chat(unused_tcp_port: int) -> None:
    gateway = FakeGateway()
    gateway.port = unused_tcp_port
    user = User(gateway)
    with pytest.raises(AgentUnreachableError):
        await user.chat.run(None)
    user.closes()


async def test_commands_are_not_sent_to_the_agent_except_its_own() -> None:
    async with chatting(setup={"modes": MODES}) as (user, gateway, _):
        user.types("", "/help", "/mode", "/mode auto", "/mode nope", "/sessions", "/new", "/test all")
        await user.sees("there is no command /test all")
        commands = {
            "sessionUpdate": "available_commands_update",
            "availableCommands": [{"name": "test", "description": "runs tests"}],
        }
        gateway.model._publish("s2", commands, 0)
        gateway.flush()
        await user.sees("Session s2.")
        user.types("/test all")
        await user.agent_does()
        [mode] = [m for m in gateway.taken if m.get("method") == "session/set_mode"]
        assert mode["params"] == {"sessionId": "s1", "modeId": "auto"}
        prompts = [m["params"]["prompt"] for m in gateway.taken if m.get("method") == "session/prompt"]
        assert prompts == [[{"type": "text", "text": "/test all"}]]
    assert "  auto  Freely\n" in user.screen
    assert "there is no mode nope" in user.screen
    assert "/sessions   list sessions" in user.screen


async def test_quit_leaves() -> None:
    async with chatting() as (user, gateway, running):
        user.types("/quit", "not this")
        async with asyncio.timeout(WAIT_S):
            await running
        assert all(message.get("method") != "session/prompt" for message in gateway.taken)


async def test_notices_and_queue_places_are_told() -> None:
    async with chatting() as (user, gateway, _):
        await user.sees("Session")
        notice = {"message": "The agent ended.", "recovery": "Send it again."}
        gateway.model.say({"method": "_lumilink/notice", "params": {"sessionId": "s1", **notice}})
        gateway.model.say(
            {"method": "_lumilink/notice", "params": {"sessionId": "s8", "message": "not ours"}}
        )
        gateway.model.say({"method": "_lumilink/queued", "params": {"sessionId": "s1", "place": 2}})
        gateway.flush()
        await user.sees("place 2")
    assert "! The agent ended.\n  Send it again.\n" in user.screen
    assert "not ours" not in user.screen


async def test_a_refused_prompt_is_told_with_what_to_do_and_the_chat_goes_on() -> None:
    async with chatting() as (user, gateway, _):
        await user.sees("Session")
        gateway.swallows = lambda message: message["method"] == "session/prompt"
        user.types("go")
        await gateway.until(lambda: gateway.taken[-1]["method"] == "session/prompt")
        error = {"code": -32020, "message": "the queue is full", "data": {"recovery": "Wait a little."}}
        gateway.model.outbox.append(frame({"id": gateway.taken[-1]["id"], "error": error}))
        gateway.flush()
        await user.sees("error: the queue is full\n  Wait a little.")
        gateway.swallows = lambda message: False
        user.types("go")
        await user.agent_does()
