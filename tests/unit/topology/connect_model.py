"""A gateway and an editor for the relay's tests: as small as the promises allow, and without I/O."""

from __future__ import annotations

import itertools
import json
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from topology.connect.relay import Relay

Message = dict[str, Any]


def frame(message: Message) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


@dataclass
class ModelSession:
    """What the gateway keeps of a session. An event: seq, update, the connection that it is not for."""

    events: list[tuple[int, Message, int]] = field(default_factory=list)
    turns: dict[str, Message] = field(default_factory=dict)
    running: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    questions: dict[str, Message] = field(default_factory=dict)


class ModelGateway:
    """Answers what comes in ``inbox`` when told to, into ``outbox``; both are lost with the connection."""

    def __init__(self) -> None:
        self.inbox: deque[Message] = deque()
        self.outbox: deque[bytes] = deque()
        self.sessions: dict[str, ModelSession] = {}
        self.answers: dict[str, list[Any]] = {}
        self.connection = 0
        self.setup: Message = {}
        self.refusal: Message | None = None
        self._is_initialized = False
        self._views: set[str] = set()
        self._numbers = itertools.count(1)

    def connect(self) -> None:
        self.connection += 1
        self.disconnect()

    def disconnect(self) -> None:
        self.inbox.clear()
        self.outbox.clear()
        self._views.clear()
        self._is_initialized = False

    def say(self, message: Message) -> None:
        self.outbox.append(frame(message))

    def take(self) -> None:
        """Handle the oldest message that arrived."""
        message = self.inbox.popleft()
        if "method" not in message:
            self._answered(message)
        elif message["method"] == "initialize":
            self._is_initialized = True
            self.say({"id": message["id"], "result": {"protocolVersion": 1}})
        elif not self._is_initialized:
            self.say({"id": message["id"], "error": {"code": -32600, "message": "not initialized"}})
        else:
            self._request(message)

    def _request(self, message: Message) -> None:
        method, params, request_id = message["method"], message.get("params", {}), message["id"]
        session_id = params.get("sessionId")
        if self.refusal is not None:
            self.say({"id": request_id, "error": self.refusal})
            return
        if method == "session/new":
            session_id = f"s{next(self._numbers)}"
            self.sessions[session_id] = ModelSession()
            self._views.add(session_id)
            self.say({"id": request_id, "result": {"sessionId": session_id, **self.setup}})
        elif method in ("_lumilink/session/attach", "session/load"):
            self._views.add(session_id)
            session = self.sessions[session_id]
            self._replay(session, params.get("afterSeq", 0))
            self.say({"id": request_id, "result": {}})
            for question in session.questions.values():
                self.say(question)
        elif method == "session/prompt":
            self._prompt(session_id, params, request_id)
        else:
            self.say({"id": request_id, "result": {"sessions": []}})

    def _prompt(self, session_id: str, params: Message, request_id: Any) -> None:
        if session_id not in self._views:
            self.say({"id": request_id, "error": {"code": -32002, "message": "no such session here"}})
            return
        session = self.sessions[session_id]
        prompt_id = params["_meta"]["lumilink"]["promptId"]
        if prompt_id in session.turns:
            self.say({"id": request_id, "result": session.turns[prompt_id]})
            return
        if prompt_id not in session.running:
            update = {"sessionUpdate": "user_message_chunk", "content": params["prompt"][0]}
            self._publish(session_id, update, self.connection)
        session.running.setdefault(prompt_id, []).append((self.connection, request_id))

    def _replay(self, session: ModelSession, after: int) -> None:
        for seq, message, not_for in session.events:
            if seq > after and not_for != self.connection:
                self.say(message)

    def _publish(self, session_id: str, update: Message, not_for: int) -> None:
        session = self.sessions[session_id]
        seq = len(session.events) * 2 + 1  # cursors have holes
        params = {"sessionId": session_id, "update": update, "_meta": {"lumilink": {"seq": seq}}}
        message = {"method": "session/update", "params": params}
        session.events.append((seq, message, not_for))
        if session_id in self._views and not_for != self.connection:
            self.say(message)

    # -- the agent -----------------------------------------------------------------------------------

    def stream(self, session_id: str, text: str) -> None:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        self._publish(session_id, update, 0)

    def ask(self, session_id: str, **about: Any) -> str:
        question_id = f"{session_id}/q{next(self._numbers)}"
        message = {
            "id": question_id,
            "method": "session/request_permission",
            "params": {"sessionId": session_id, **about},
        }
        self.sessions[session_id].questions[question_id] = message
        if session_id in self._views:
            self.say(message)
        return question_id

    def finish(self, session_id: str, prompt_id: str, result: Message | None = None) -> None:
        """End a turn; the outcome names it unless ``result`` is another."""
        session = self.sessions[session_id]
        result = session.turns[prompt_id] = result or {"stopReason": prompt_id}
        for connection, request_id in session.running.pop(prompt_id):
            if connection == self.connection and session_id in self._views:
                self.say({"id": request_id, "result": result})

    def _answered(self, message: Message) -> None:
        question_id = message["id"]
        self.sessions[question_id.partition("/")[0]].questions.pop(question_id, None)
        self.answers.setdefault(question_id, []).append(message["result"])


class Scene:
    """Editor, relay and gateway; ``Surroundings`` of the relay."""

    def __init__(self) -> None:
        self.gateway = ModelGateway()
        self.relay = Relay("test", self)
        self.seen: list[Message] = []
        self.gave_up: list[str] = []
        self.is_connected = False
        self.times_live = 0

    def to_editor(self, line: bytes) -> None:
        self.seen.append(json.loads(line))

    def to_gateway(self, line: bytes) -> None:
        if self.is_connected:
            self.gateway.inbox.append(json.loads(line))

    def went_live(self) -> None:
        self.times_live += 1

    def give_up(self, reason: str) -> None:
        self.gave_up.append(reason)

    def editor(self, **message: Any) -> None:
        self.relay.from_editor(frame(message))

    def connect(self) -> None:
        self.gateway.connect()
        self.is_connected = True
        self.relay.connected()

    def lose(self) -> None:
        self.gateway.disconnect()
        self.is_connected = False
        self.relay.lost()

    def settle(self) -> None:
        """Carry everything both ways until nothing is left to carry."""
        while self.gateway.inbox or self.gateway.outbox:
            if self.gateway.inbox:
                self.gateway.take()
            while self.gateway.outbox:
                self.relay.from_gateway(self.gateway.outbox.popleft())

    def begin(self) -> str:
        """Connect, initialize, open a session; returns its id."""
        self.connect()
        self.editor(id="init", method="initialize", params={"protocolVersion": 1})
        self.editor(id="new", method="session/new", params={"cwd": "/"})
        self.settle()
        return str(self.answer("new")["result"]["sessionId"])

    def prompt(self, request_id: Any, session_id: str, text: str = "hi") -> None:
        params = {"sessionId": session_id, "prompt": [{"type": "text", "text": text}]}
        self.editor(id=request_id, method="session/prompt", params=params)

    def answers(self, request_id: Any) -> list[Message]:
        return [message for message in self.seen if "method" not in message and message["id"] == request_id]

    def answer(self, request_id: Any) -> Message:
        [answer] = self.answers(request_id)
        return answer

    def updates(self, session_id: str) -> list[Message]:
        notes = [message["params"] for message in self.seen if message.get("method") == "session/update"]
        return [params["update"] for params in notes if params["sessionId"] == session_id]

    def texts(self, session_id: str) -> list[str]:
        return [update["content"]["text"] for update in self.updates(session_id)]

    def questions(self) -> list[str]:
        return [m["id"] for m in self.seen if m.get("method") == "session/request_permission"]
