"""A link to an agent that has only AgentAPI, against a server that behaves as AgentAPI does."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from support.agentapi_server import AgentApiServer, agentapi_server
from wires import Recorder

from actors.agents.agentapi.link import AgentApiLink, dial_agentapi
from actors.agents.agentapi.patience import Patience
from actors.agents.dial import dial
from actors.agents.link import DialOptions
from actors.agents.probe import probe
from actors.agents.target import AgentTarget
from actors.errors import AgentClosedError, AgentUnreachableError

Json = dict[str, Any]

QUICK = Patience(
    busy_s=10.0,
    stop_s=10.0,
    answer_s=10.0,
    first_look_s=0.02,
    last_look_s=0.05,
    redraw_s=0.01,
    redial_s=0.01,
    longest_redial_s=0.02,
)


class Linked:
    """A link to a server, and who listens to it."""

    def __init__(self, server: AgentApiServer, link: AgentApiLink, recorder: Recorder) -> None:
        self.server, self.link, self.recorder = server, link, recorder
        self.session_id = ""
        self.last_id = 0

    def start(self, method: str, **params: object) -> int:
        self.last_id += 1
        message = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.link.send(json.dumps(message).encode())
        return self.last_id

    async def answer(self, request_id: int) -> Json:
        def answers() -> list[Json]:
            return [one for one in self.messages if one.get("id") == request_id]

        await self.recorder.until(lambda: bool(answers()))
        return answers()[0]

    async def ask(self, method: str, **params: object) -> Json:
        return await self.answer(self.start(method, **params))

    async def begin(self) -> None:
        await self.ask("initialize", protocolVersion=1)
        answer = await self.ask("session/new", cwd="/w", mcpServers=[])
        self.session_id = answer["result"]["sessionId"]

    def start_prompt(self, text: str) -> int:
        prompt = [{"type": "text", "text": text}]
        return self.start("session/prompt", sessionId=self.session_id, prompt=prompt)

    async def prompt(self, text: str) -> Json:
        return await self.answer(self.start_prompt(text))

    def cancel(self) -> None:
        params = {"sessionId": self.session_id}
        message = {"jsonrpc": "2.0", "method": "session/cancel", "params": params}
        self.link.send(json.dumps(message).encode())

    @property
    def messages(self) -> list[Json]:
        return [json.loads(frame) for frame in self.recorder.frames]

    @property
    def updates(self) -> list[Json]:
        return [one["params"]["update"] for one in self.messages if one.get("method") == "session/update"]

    @property
    def shown(self) -> dict[str, str]:
        """What a client sees that knows of replacements: each message's text by its id."""
        shown: dict[str, str] = {}
        for update in self.updates:
            shown.pop(update["_meta"]["lumilink"].get("replaces"), None)
            shown[update["messageId"]] = shown.get(update["messageId"], "") + update["content"]["text"]
        return shown

    @property
    def said(self) -> list[str]:
        return list(self.shown.values())


@asynccontextmanager
async def linked(server: AgentApiServer, patience: Patience = QUICK, **options: Any) -> AsyncIterator[Linked]:
    recorder = Recorder()
    target = AgentTarget.parse(server.target)
    link = await dial_agentapi(target, recorder, DialOptions(**options), patience)
    try:
        yield Linked(server, link, recorder)
    finally:
        await link.close()
        assert recorder.frames_after_closed == 0
        assert len(recorder.closed) == 1


@asynccontextmanager
async def begun(patience: Patience = QUICK, **how: Any) -> AsyncIterator[Linked]:
    async with agentapi_server(**how) as server, linked(server, patience) as agent:
        await agent.begin()
        yield agent


@pytest.fixture(params=["pty", "acp"])
def transport(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


# ---------------------------------------------------------------------- shaking hands


async def test_a_port_where_nothing_listens_is_unreachable(unused_tcp_port: int) -> None:
    target = AgentTarget.parse(f"agentapi+http://me:c4n4ry@127.0.0.1:{unused_tcp_port}")
    with pytest.raises(AgentUnreachableError) as caught:
        await dial(target, Recorder(), DialOptions())
    assert "c4n4ry" not in caught.value.detail


async def test_initialize_names_the_agent_and_promises_what_is_true() -> None:
    async with agentapi_server(agent_type="goose") as server:
        found = await probe(AgentTarget.parse(server.target), DialOptions(), {})
    assert (found.name, found.protocol_version) == ("goose", 1)
    offered = json.loads(found.initialize_result)["agentCapabilities"]
    assert offered["loadSession"] is False
    assert offered["promptCapabilities"] == {"image": False, "audio": False, "embeddedContext": True}


async def test_a_server_that_does_not_take_our_host_is_said_to() -> None:
    async with agentapi_server(allowed_hosts=("agents.example",)) as server, linked(server) as agent:
        agent.start("initialize", protocolVersion=1)
        closed = await agent.recorder.end()
    assert "HTTP 400: Invalid host header" in closed.reason
    assert not closed.clean


async def test_a_second_session_is_refused_on_the_same_link_and_on_another() -> None:
    async with begun() as agent:
        await agent.prompt("say hello")
        refused = await agent.ask("session/new", cwd="/w", mcpServers=[])
        assert "a container of its own" in refused["error"]["message"]
        async with linked(agent.server) as other:
            refused = await other.ask("session/new", cwd="/w", mcpServers=[])
            assert refused["error"]["data"]["code"] == "agent-capability-missing"


async def test_a_session_goes_on_over_another_link_and_nothing_is_told_twice() -> None:
    async with begun() as agent:
        await agent.prompt("say first")
        async with linked(agent.server) as other:
            answer = await other.ask("session/resume", sessionId=agent.session_id, cwd="/w")
            assert answer["result"] == {}
            other.session_id = agent.session_id
            assert (await other.prompt("say second"))["result"] == {"stopReason": "end_turn"}
            assert other.said == ["second\n"]


async def test_a_server_that_was_started_anew_has_no_session_to_resume() -> None:
    async with agentapi_server() as server, linked(server) as agent:
        refused = await agent.ask("session/resume", sessionId="agentapi-1", cwd="/w")
    assert refused["error"]["data"]["code"] == "session-not-found"


async def test_what_the_api_has_not_is_refused_even_during_a_turn() -> None:
    async with begun() as agent:
        turn = agent.start_prompt("await")
        refused = await agent.ask("session/set_mode", sessionId=agent.session_id, modeId="x")
        assert refused["error"]["data"]["code"] == "method-not-found"
        agent.server.go.set()
        await agent.answer(turn)


async def test_what_comes_too_late_for_the_agent_is_named() -> None:
    async with agentapi_server() as server, linked(server) as agent:
        servers = [{"name": "x", "command": "x", "args": [], "env": []}]
        answer = await agent.ask("session/new", cwd="/w", mcpServers=servers)
    assert answer["result"]["_meta"] == {"lumilink": {"ignored": ["cwd", "mcpServers"]}}


# ---------------------------------------------------------------------- turns


async def test_a_turn_shows_what_grows_once_and_ends(transport: str) -> None:
    async with begun(transport=transport) as agent:
        assert (await agent.prompt("say one\nsay two"))["result"] == {"stopReason": "end_turn"}
        assert agent.said == ["one\ntwo\n"]
        assert (await agent.prompt("drip 50"))["result"] == {"stopReason": "end_turn"}
        assert agent.said[1:] == ["".join(f"{number} " for number in range(1, 51))]


async def test_a_redrawn_message_is_replaced_and_never_mixed(transport: str) -> None:
    async with begun(transport=transport) as agent:
        await agent.prompt("say thinking\nredraw done: 42")
        assert agent.said[-1] == "done: 42"
        replaced = [one for one in agent.updates if "replaces" in one["_meta"]["lumilink"]]
        assert [one["content"]["text"] for one in replaced] in ([], ["done: 42"])


async def test_a_redraw_is_shown_while_the_turn_goes_on() -> None:
    async with begun() as agent:
        turn = agent.start_prompt("say thinking\nawait\nredraw done: 42\nwait")
        await agent.recorder.until(lambda: agent.said == ["thinking\n"])
        agent.server.go.set()
        await agent.recorder.until(lambda: agent.said == ["done: 42"])
        agent.cancel()
        await agent.answer(turn)


async def test_what_the_stream_did_not_tell_is_shown_before_the_turn_ends(transport: str) -> None:
    async with begun(transport=transport) as agent:
        turn = agent.start_prompt("say one\nawait")
        await agent.recorder.until(lambda: agent.said == ["one\n"])
        agent.server.messages[-1]["content"] += "two"
        agent.server.go.set()
        await agent.answer(turn)
        assert agent.said == ["one\ntwo"]
        assert agent.messages[-1]["id"] == turn


async def test_a_busy_agent_is_waited_for() -> None:
    async with begun(status="running") as agent:
        turn = agent.start_prompt("say hello")
        await asyncio.sleep(0.02)
        assert agent.server.posts == []
        agent.server.note_status("stable")
        assert (await agent.answer(turn))["result"] == {"stopReason": "end_turn"}


async def test_an_agent_that_stays_busy_is_said_to_be_after_a_while() -> None:
    async with begun(replace(QUICK, busy_s=0.1), status="running") as agent:
        error = (await agent.prompt("say hello"))["error"]
    assert (error["data"]["code"], error["data"]["retryable"]) == ("agent-timeout", True)
    assert agent.server.posts == []


async def test_the_cause_of_a_failure_is_told(transport: str) -> None:
    async with begun(transport=transport) as agent:
        error = (await agent.prompt("fail out of tokens"))["error"]
        assert "out of tokens" in error["message"]
        assert error["data"]["code"] == "turn-interrupted"
        assert (await agent.prompt("say again"))["result"] == {"stopReason": "end_turn"}


async def test_a_reported_error_fails_the_turn_that_it_ends_in_and_no_other() -> None:
    async with begun() as agent:
        error = (await agent.prompt("say half\nerror the model is gone"))["error"]
        assert "the model is gone" in error["message"]
        assert agent.said == ["half\n", "[error] the model is gone"]
        assert (await agent.prompt("say whole"))["result"] == {"stopReason": "end_turn"}


async def test_a_warning_is_shown_and_fails_nothing() -> None:
    async with begun() as agent:
        assert "result" in await agent.prompt("warn low on space\nsay ok")
        assert "[warning] low on space" in agent.said


async def test_what_others_say_to_the_agent_is_shown_as_the_users() -> None:
    async with begun() as agent:
        agent.server.type_in("from the chat page")
        await agent.recorder.until(lambda: bool(agent.updates))
        assert agent.updates[0]["sessionUpdate"] == "user_message_chunk"
        assert agent.said == ["from the chat page"]


async def test_messages_and_errors_of_before_the_session_are_not_shown() -> None:
    async with agentapi_server() as server:
        server._say("agent", "Welcome to the agent")
        server.report("error", "an old one")
        server.errors[0]["time"] = "2020-01-01T00:00:00Z"
        async with linked(server) as agent:
            await agent.begin()
            await agent.prompt("say hello")
            assert agent.said == ["hello\n"]


# ---------------------------------------------------------------------- cancelling


async def test_a_cancelled_turn_ends_so_if_the_agent_stops_on_escape() -> None:
    async with begun() as agent:
        turn = agent.start_prompt("say working\nwait")
        await agent.recorder.until(lambda: bool(agent.updates))
        agent.cancel()
        assert (await agent.answer(turn))["result"] == {"stopReason": "cancelled"}
        assert {"content": "\x1b", "type": "raw"} in agent.server.posts
        assert agent.said == ["working\n[stopped]"]


async def test_an_agent_that_does_not_stop_is_not_said_to_have_stopped() -> None:
    async with begun(replace(QUICK, stop_s=0.1)) as agent:
        turn = agent.start_prompt("say working\nhang")
        await agent.recorder.until(lambda: bool(agent.updates))
        agent.cancel()
        assert (await agent.answer(turn))["error"]["data"]["code"] == "agent-timeout"


async def test_no_keys_are_sent_to_an_agent_without_a_terminal() -> None:
    async with begun(replace(QUICK, stop_s=0.1), transport="acp") as agent:
        turn = agent.start_prompt("say working\nhang")
        await agent.recorder.until(lambda: bool(agent.updates))
        agent.cancel()
        assert (await agent.answer(turn))["error"]["data"]["code"] == "agent-timeout"
        assert [post["type"] for post in agent.server.posts] == ["user"]


async def test_a_prompt_cancelled_while_it_waits_never_reaches_the_agent() -> None:
    async with begun(status="running") as agent:
        turn = agent.start_prompt("say hello")
        agent.cancel()
        assert (await agent.answer(turn))["result"] == {"stopReason": "cancelled"}
        assert agent.server.posts == []


# ---------------------------------------------------------------------- trouble on the way


async def test_a_cut_event_stream_loses_and_repeats_nothing(transport: str) -> None:
    async with begun(transport=transport) as agent:
        answer = await agent.prompt("say one\ncut\nsay two\ndrip 5\ncut\nsay three")
        assert answer["result"] == {"stopReason": "end_turn"}
        assert "".join(agent.said) == "one\ntwo\n1 2 3 4 5 three\n"


async def test_a_flood_that_the_server_cuts_off_arrives_whole_all_the_same() -> None:
    async with begun() as agent:
        assert (await agent.prompt("flood 1200"))["result"] == {"stopReason": "end_turn"}
        assert "".join(agent.said).split() == [str(number) for number in range(1, 1201)]
        assert agent.server.requests.count("GET /events") > 1


async def test_while_reading_is_paused_nothing_is_lost() -> None:
    async with begun() as agent:
        agent.link.pause_reading()
        turn = agent.start_prompt("drip 20")
        answer = await agent.answer(turn)
        assert answer["result"] == {"stopReason": "end_turn"}
        agent.link.resume_reading()
        await agent.prompt("say then")
        assert "".join(agent.said) == "".join(f"{number} " for number in range(1, 21)) + "then\n"


async def test_a_lost_answer_does_not_say_the_prompt_twice(transport: str) -> None:
    async with begun(transport=transport) as agent:
        agent.server.drop_next_answer = True
        assert (await agent.prompt("say once"))["result"] == {"stopReason": "end_turn"}
        assert len(agent.server.posts) == 1
        assert agent.said == ["once\n"]


async def test_a_status_that_is_not_answered_during_a_turn_stalls_nothing() -> None:
    async with begun(transport="acp") as agent:
        turn = agent.start_prompt("say working\nawait\nsay done")
        await agent.recorder.until(lambda: agent.said == ["working\n"])
        agent.server.go.set()
        assert (await agent.answer(turn))["result"] == {"stopReason": "end_turn"}
        assert agent.said == ["working\ndone\n"]


async def test_a_server_that_goes_away_ends_the_link_with_its_turn() -> None:
    async with agentapi_server() as server:
        async with linked(server, idle_timeout_s=0.1) as agent:
            await agent.begin()
            agent.start_prompt("say working\nhang")
            await agent.recorder.until(lambda: bool(agent.updates or agent.recorder.closed))
            assert not agent.recorder.closed
            server.allowed_hosts = ()
            server.cut()
            closed = await agent.recorder.end()
        assert "refused GET /events" in closed.reason


async def test_a_closed_link_takes_nothing_more_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with agentapi_server() as server:
        async with linked(server) as agent:
            await agent.begin()
            agent.start_prompt("hang")
        with pytest.raises(AgentClosedError):
            agent.start_prompt("say more")
        assert agent.recorder.closed[0].clean
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before == set()


async def test_a_stream_that_was_silent_for_long_and_then_breaks_is_opened_again() -> None:
    async with agentapi_server() as server, linked(server, idle_timeout_s=0.02) as agent:
        await agent.begin()
        await agent.prompt("say before")
        await asyncio.sleep(0.03)
        server.cut()
        assert (await agent.prompt("say after"))["result"] == {"stopReason": "end_turn"}
        assert agent.said == ["before\n", "after\n"]


async def test_a_stream_that_stays_away_ends_the_link() -> None:
    async with agentapi_server() as server:
        recorder = Recorder()
        link = await dial_agentapi(
            AgentTarget.parse(server.target),
            recorder,
            DialOptions(idle_timeout_s=0.1),
            QUICK,
        )
        agent = Linked(server, link, recorder)
        await agent.begin()
    closed = await recorder.end()
    assert "was away for 0.1 s" in closed.reason
    await link.close()


async def test_a_file_is_uploaded_in_the_middle_of_a_turn():
    async with begun() as agent:
        turn = agent.start_prompt("say working\nwait")
        await agent.recorder.until(lambda: "working\n" in agent.said)
        data = base64.b64encode(b"\x00words\xff").decode()
        told = await agent.ask("_agentapi/upload", sessionId=agent.session_id, name="a.txt", data=data)
        agent.cancel()
        await agent.answer(turn)

    assert agent.server.files == {told["result"]["filePath"]: b"\x00words\xff"}


@pytest.mark.parametrize("name", ["", "../a.txt", "/etc/passwd"])
async def test_a_file_with_a_path_for_a_name_is_refused(name: str):
    async with begun() as agent:
        told = await agent.ask("_agentapi/upload", sessionId=agent.session_id, name=name, data="")

    assert told["error"]["data"]["code"] == "invalid-params"
    assert agent.server.files == {}


async def test_a_server_that_takes_no_such_file_says_why():
    async with begun() as agent:
        data = base64.b64encode(bytes(11 * 1024 * 1024)).decode()
        told = await agent.ask("_agentapi/upload", sessionId=agent.session_id, name="a", data=data)

    assert "file size exceeds 10MB limit" in told["error"]["message"]
