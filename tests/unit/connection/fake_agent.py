"""An agent in memory, which does as a test tells it."""

import asyncio
import json
from collections.abc import Callable
from typing import cast

from actors import errors
from actors.agents.link import AgentLink, AgentListener, DialOptions, LinkClosed
from actors.agents.target import AgentTarget

Json = dict[str, object]

NOTHING_YET = object()


def text(message: object) -> bytes:
    return message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()


class FakeAgent:
    """An agent and the link to it. ``replies`` maps a method to its result, an error, or NOTHING_YET."""

    def __init__(self) -> None:
        self.heard: list[Json] = []
        self.replies: dict[str, object] = {
            "initialize": {"protocolVersion": 1, "agentCapabilities": {}},
            "session/new": {"sessionId": "agent-1", "modes": {"currentModeId": "code"}},
        }
        self.on_dial: Callable[[], None] = lambda: None
        self.dials = 0
        self.targets: list[AgentTarget] = []
        self.reading = True
        self.closed = False
        self.full = False
        self.listener: AgentListener | None = None

    async def dial(self, target: AgentTarget, listener: AgentListener, options: DialOptions) -> AgentLink:
        self.dials += 1
        self.targets.append(target)
        self.listener = listener
        self.on_dial()
        return cast("AgentLink", self)

    def send(self, frame: bytes) -> None:
        if self.full:
            raise errors.MailboxFullError("the agent does not read")
        message = json.loads(frame)
        self.heard.append(message)
        reply = self.replies.get(str(message.get("method")), NOTHING_YET)
        if "id" in message and "method" in message and reply is not NOTHING_YET:
            kind = "error" if isinstance(reply, dict) and "code" in reply else "result"
            loop = asyncio.get_running_loop()
            loop.call_soon(self.say, {"jsonrpc": "2.0", "id": message["id"], kind: reply})

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    async def close(self) -> None:
        self.closed = True

    # ------------------------------------------------------------------ what a test makes it do

    def offering(self, **capabilities: object) -> "FakeAgent":
        """An agent with these capabilities, which knows the sessions that it is asked for."""
        self.replies["initialize"] = {"protocolVersion": 1, "agentCapabilities": capabilities}
        self.replies["session/resume"] = self.replies["session/load"] = {}
        return self

    def say(self, message: object) -> None:
        assert self.listener is not None
        self.listener.agent_frame(text(message))

    def update(self, chunk: object, session: str = "agent-1") -> None:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": chunk}}
        params = {"sessionId": session, "update": update}
        self.say({"jsonrpc": "2.0", "method": "session/update", "params": params})

    def ask(self, id_text: str, method: str, session: str | None = "agent-1", **params: object) -> None:
        named = params if session is None else {"sessionId": session, **params}
        self.say(
            f'{{"jsonrpc":"2.0","id":{id_text},"method":"{method}","params":{json.dumps(named)}}}'.encode()
        )

    def answer(self, method: str, result: object) -> None:
        """Answer the newest request of this method."""
        self.say({"jsonrpc": "2.0", "id": self.requests(method)[-1]["id"], "result": result})

    def die(self, reason: str = "the agent exited with code 1") -> None:
        assert self.listener is not None
        self.listener.agent_closed(LinkClosed(reason, clean=False))

    def requests(self, method: str) -> list[Json]:
        return [message for message in self.heard if message.get("method") == method]

    def answers(self) -> list[Json]:
        return [message for message in self.heard if "method" not in message]


class HttpAgent(FakeAgent):
    """The agent of a container as the link to AgentAPI shows it. ``is_up``: whether its server listens."""

    def __init__(self) -> None:
        super().__init__()
        self.is_up = True
        self.offering(sessionCapabilities={"resume": {}})
        self.replies["session/new"] = {"sessionId": "http-1"}

    async def listens(self, target: AgentTarget, within_s: float) -> bool:
        return self.is_up

    def prompts(self) -> list[list[str]]:
        """The texts of the blocks of each prompt that it got."""
        return prompts_of(self)


def prompts_of(agent: FakeAgent) -> list[list[str]]:
    """The texts of the blocks of each prompt that an agent got."""
    asked = [one["params"] for one in agent.requests("session/prompt")]
    said = [cast("dict[str, list[dict[str, str]]]", params)["prompt"] for params in asked]
    return [[block["text"] for block in blocks] for blocks in said]
