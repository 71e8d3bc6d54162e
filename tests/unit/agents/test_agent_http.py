"""The HTTP wire: headers, streams, refusals and the end."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from http_peer import HttpPeer
from wires import Recorder, asgi_server

from actors.agents.dial import dial
from actors.agents.http_client import _tcp_keepalive
from actors.agents.link import AgentLink, DialOptions
from actors.agents.target import AgentTarget
from actors.errors import AgentUnreachableError

PROMPT = {"jsonrpc": "2.0", "id": 3, "method": "session/prompt", "params": {"sessionId": "s1"}}
NEW_RESULT = {"jsonrpc": "2.0", "id": 2, "result": {"sessionId": "s1"}}


class Dialled:
    """A link, its peer and its listener."""

    def __init__(self, peer: HttpPeer, recorder: Recorder, link: AgentLink) -> None:
        self.peer, self.recorder, self.link = peer, recorder, link

    def send(self, message: object) -> None:
        self.link.send(json.dumps(message).encode())

    async def initialize(self) -> None:
        self.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
        await self.recorder.frame(0)

    async def open_session(self) -> None:
        await self.initialize()
        self.peer.say(NEW_RESULT)
        await self.recorder.frame(1)
        await self.peer.until_seen("GET", 2)

    @property
    def messages(self) -> list[dict[str, object]]:
        return [json.loads(frame) for frame in self.recorder.frames]


@asynccontextmanager
async def dialled(
    peer: HttpPeer, userinfo: str = "", query: str = "", **options: float
) -> AsyncIterator[Dialled]:
    async with asgi_server(peer.app()) as port:
        target = AgentTarget.parse(f"http://{userinfo}127.0.0.1:{port}/acp{query}")
        recorder = Recorder()
        link = await dial(target, recorder, DialOptions(**options))  # type: ignore[arg-type]  # all are numbers
        yield Dialled(peer, recorder, link)
        await link.close()
        for session_id in peer.streams:
            peer.end(session_id)


async def test_a_port_where_nothing_listens_is_unreachable(unused_tcp_port: int) -> None:
    target = AgentTarget.parse(f"http://me:c4n4ry@127.0.0.1:{unused_tcp_port}/acp?k=c4n4ry")
    with pytest.raises(AgentUnreachableError) as caught:
        await dial(target, Recorder(), DialOptions())
    assert "c4n4ry" not in caught.value.detail


async def test_initialize_is_answered_by_its_post_and_opens_the_connections_stream() -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.initialize()
        post, get = agent.peer.seen
        assert (post.verb, post.connection_id) == ("POST", None)
        assert (get.verb, get.connection_id, get.session_id) == ("GET", "conn-1", None)
        assert agent.messages == [{"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": 1}}]


async def test_a_new_session_gets_a_stream_and_its_messages_name_it() -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.open_session()
        assert (await agent.peer.until_seen("GET", 2)).session_id == "s1"
        agent.send({"jsonrpc": "2.0", "id": 9, "method": "session/list", "params": {}})
        agent.send(PROMPT)
        assert (await agent.peer.until_seen("POST", text=b"session/list")).session_id is None
        assert (await agent.peer.until_seen("POST", text=b"session/prompt")).session_id == "s1"
        agent.peer.say({"jsonrpc": "2.0", "id": 3, "result": {"stopReason": "end_turn"}}, "s1")
        await agent.recorder.frame(2)


async def test_a_prompt_waits_until_the_stream_of_its_session_is_open() -> None:
    gate = asyncio.Event()
    async with dialled(HttpPeer(session_streams_wait=gate)) as agent:
        await agent.open_session()
        agent.send(PROMPT)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(agent.peer.until_seen("POST", text=b"session/prompt"), 0.05)
        gate.set()
        await agent.peer.until_seen("POST", text=b"session/prompt")


async def test_an_answer_to_the_agents_question_names_the_session_that_asked() -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.open_session()
        agent.peer.say(
            {"jsonrpc": "2.0", "id": "q", "method": "session/request_permission", "params": {}}, "s1"
        )
        agent.peer.say({"jsonrpc": "2.0", "id": 7, "method": "x", "params": {"sessionId": "s1"}}, "")
        agent.peer.say({"jsonrpc": "2.0", "id": 8, "method": "x", "params": {}}, "")
        await agent.recorder.frame(4)
        for request_id in ("q", 7, 8):
            agent.send({"jsonrpc": "2.0", "id": request_id, "result": {}})
        sessions = [(await agent.peer.until_seen("POST", 2 + n)).session_id for n in range(3)]
        assert sessions == ["s1", "s1", None]


async def test_cookies_and_credentials_go_with_every_request() -> None:
    async with dialled(HttpPeer(), userinfo="me:pw@", query="?tenant=t1") as agent:
        await agent.open_session()
    first, *later = agent.peer.seen
    assert first.cookie is None
    assert {seen.cookie for seen in later} == {"affinity=node-7"}
    assert {seen.authorization for seen in agent.peer.seen} == {"Basic bWU6cHc="}
    assert {seen.query for seen in agent.peer.seen} == {"tenant=t1"}


async def test_no_log_line_shows_credentials(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with dialled(HttpPeer(), userinfo="me:c4n4ry@", query="?k=c4n4ry") as agent:
            await agent.initialize()
    assert "POST" in caplog.text
    assert "c4n4ry" not in caplog.text


async def test_close_says_delete_for_the_connection() -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.initialize()
    assert (await agent.peer.until_seen("DELETE")).connection_id == "conn-1"


async def test_posts_keep_their_order() -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.initialize()
        for number in range(50):
            agent.send({"jsonrpc": "2.0", "method": "x", "params": [number]})
        await agent.peer.until_seen("POST", 51)
        bodies = [json.loads(seen.body) for seen in agent.peer.seen if seen.verb == "POST"]
        assert [body["params"][0] for body in bodies[1:]] == list(range(50))


async def test_a_refused_request_is_answered_and_the_link_lives_on() -> None:
    async with dialled(HttpPeer(refuse={"session/prompt": 404, "x/bad": 422})) as agent:
        await agent.open_session()
        agent.send(PROMPT)
        agent.send({"jsonrpc": "2.0", "id": "a", "method": "x/bad"})
        await agent.recorder.frame(3)
        answers = {message["id"]: message["error"] for message in agent.messages[2:]}
        assert [error["message"] for error in answers.values()] == [  # type: ignore[index]  # an error object
            "the agent refused session/prompt with HTTP 404",
            "the agent refused x/bad with HTTP 422",
        ]
        assert list(answers) == [3, "a"]
        assert agent.recorder.closed == []


async def test_a_refused_notification_is_logged() -> None:
    async with dialled(HttpPeer(refuse={"x": 400})) as agent:
        await agent.initialize()
        agent.send({"jsonrpc": "2.0", "method": "x"})
        await agent.recorder.until(lambda: bool(agent.recorder.logs))
        assert agent.recorder.logs == ["the agent refused x with HTTP 400"]
        assert agent.recorder.closed == []


@pytest.mark.parametrize(("method", "status"), [("x", 404), ("x", 503), ("x", 307), ("initialize", 401)])
async def test_a_refusal_of_the_connection_ends_the_link(method: str, status: int) -> None:
    async with dialled(HttpPeer(refuse={method: status})) as agent:
        agent.send({"jsonrpc": "2.0", "id": 1, "method": "initialize"})
        agent.send({"jsonrpc": "2.0", "id": 2, "method": "x"})
        closed = await agent.recorder.end()
        assert f"HTTP {status}" in closed.reason
        assert "c4n4ry" not in closed.reason
    assert [closed.clean for closed in agent.recorder.closed] == [False]


async def test_a_message_before_initialize_ends_the_link() -> None:
    async with dialled(HttpPeer()) as agent:
        agent.send(PROMPT)
        assert (await agent.recorder.end()).reason == "a message was sent before initialize"


@pytest.mark.parametrize("session_id", ["", "s1"])
async def test_the_end_of_a_stream_is_the_end_of_the_link(session_id: str) -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.open_session()
        agent.peer.say({"jsonrpc": "2.0", "method": "last"}, session_id)
        agent.peer.end(session_id)
        assert (await agent.recorder.end()).reason == "the agent ended an event stream"
        assert agent.messages[-1]["method"] == "last"


async def test_a_new_session_whose_stream_is_refused_ends_the_link() -> None:
    async with dialled(HttpPeer(refuse_streams={"s1": 404})) as agent:
        await agent.initialize()
        agent.peer.say(NEW_RESULT)
        assert "refused an event stream with HTTP 404" in (await agent.recorder.end()).reason


async def test_the_stream_of_a_closed_session_may_end() -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.open_session()
        agent.send({"jsonrpc": "2.0", "id": 5, "method": "session/close", "params": {"sessionId": "s1"}})
        assert (await agent.peer.until_seen("POST", text=b"session/close")).session_id == "s1"
        agent.peer.say({"jsonrpc": "2.0", "id": 5, "result": {}}, "s1")
        await agent.recorder.frame(2)
        agent.peer.end("s1")
        agent.peer.say({"jsonrpc": "2.0", "method": "still here"})
        await agent.recorder.frame(3)
        assert agent.recorder.closed == []


async def test_a_loaded_session_is_listened_to_before_it_is_loaded() -> None:
    async with dialled(HttpPeer()) as agent:
        await agent.initialize()
        agent.send({"jsonrpc": "2.0", "id": 2, "method": "session/load", "params": {"sessionId": "s1"}})
        post = await agent.peer.until_seen("POST", text=b"session/load")
        get = await agent.peer.until_seen("GET", 2)
        assert (post.session_id, get.session_id) == ("s1", "s1")
        assert agent.peer.seen.index(get) < agent.peer.seen.index(post)


async def test_a_server_that_does_not_know_the_session_yet_can_load_it_all_the_same() -> None:
    async with dialled(HttpPeer(refuse_streams={"s1": 404})) as agent:
        await agent.initialize()
        agent.send({"jsonrpc": "2.0", "id": 2, "method": "session/load", "params": {"sessionId": "s1"}})
        assert (await agent.peer.until_seen("POST", text=b"session/load")).session_id is None
        agent.peer.refuse_streams.clear()
        agent.peer.say({"jsonrpc": "2.0", "id": 2, "result": {}})
        assert (await agent.peer.until_seen("GET", 3)).session_id == "s1"
        agent.peer.say({"jsonrpc": "2.0", "method": "replayed"}, "s1")
        await agent.recorder.until(lambda: agent.messages[-1].get("method") == "replayed")


async def test_an_event_over_the_limit_ends_the_link() -> None:
    async with dialled(HttpPeer(), max_frame_bytes=1000) as agent:
        await agent.initialize()
        agent.peer.say_raw(b"data: " + b"x" * 2000)
        assert (await agent.recorder.end()).reason == "the agent sent an event of over 1000 bytes"


async def test_a_link_that_is_closed_at_once_leaves_no_task() -> None:
    async with asgi_server(HttpPeer().app()) as port:
        link = await dial(AgentTarget.parse(f"http://127.0.0.1:{port}/acp"), Recorder(), DialOptions())
        await link.close()
        assert [task for task in asyncio.all_tasks() if "HttpLink" in repr(task)] == []


@pytest.mark.parametrize(("idle_timeout_s", "asked_after_s", "apart_s"), [(60.0, 30, 10), (0.5, 1, 1)])
def test_the_kernel_gives_a_silent_peer_as_long_as_it_may_be_idle(
    idle_timeout_s: float, asked_after_s: int, apart_s: int
) -> None:
    options = {name: value for level, name, value in _tcp_keepalive(idle_timeout_s)}
    probes = options[socket.TCP_KEEPCNT]

    assert options[socket.SO_KEEPALIVE] == 1
    assert options[socket.TCP_KEEPIDLE] == asked_after_s
    assert options[socket.TCP_KEEPINTVL] == apart_s
    assert asked_after_s + probes * apart_s >= idle_timeout_s
