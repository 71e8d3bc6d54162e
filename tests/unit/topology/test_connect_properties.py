"""Whatever happens in whatever order, the relay keeps its three promises."""

from __future__ import annotations

from connect_model import Scene
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.strategies import data, integers


class AnyOrder(RuleBasedStateMachine):
    """Every rule is one step of one of the parties; in the end all of them come to rest."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.requests = 0
        self.sessions: list[str] = []
        self.streamed: dict[str, list[str]] = {}
        self.prompts: dict[int, str] = {}
        self.unanswered: list[str] = []
        self.asked: list[str] = []

    def _next(self) -> int:
        self.requests += 1
        return self.requests

    @initialize(sessions=integers(0, 2))
    def begin(self, sessions: int) -> None:
        self.scene.editor(id=self._next(), method="initialize", params={"protocolVersion": 1})
        for _ in range(sessions):
            self.open_session()
        if sessions:
            self.scene.connect()
            self.carry_all()

    # -- the network

    @precondition(lambda self: not self.scene.is_connected)
    @rule()
    def connect(self) -> None:
        self.scene.connect()

    @precondition(lambda self: self.scene.is_connected)
    @rule()
    def lose(self) -> None:
        self.scene.lose()

    @precondition(lambda self: self.scene.gateway.inbox)
    @rule(count=integers(1, 4))
    def carry_to_gateway(self, count: int) -> None:
        for _ in range(min(count, len(self.scene.gateway.inbox))):
            self.scene.gateway.take()

    @precondition(lambda self: self.scene.gateway.outbox)
    @rule(count=integers(1, 6))
    def carry_to_editor(self, count: int) -> None:
        for _ in range(min(count, len(self.scene.gateway.outbox))):
            self.scene.relay.from_gateway(self.scene.gateway.outbox.popleft())
        self._look()

    @rule()
    def carry_all(self) -> None:
        self.scene.settle()
        self._look()

    # -- the editor

    @rule()
    def open_session(self) -> None:
        self.scene.editor(id=self._next(), method="session/new", params={"cwd": "/"})

    @rule()
    def list_sessions(self) -> None:
        self.scene.editor(id=self._next(), method="session/list", params={})

    @precondition(lambda self: self.sessions)
    @rule(data=data())
    def prompt(self, data) -> None:  # type: ignore[no-untyped-def]  # hypothesis does not export its type
        session_id = self.sessions[data.draw(integers(0, len(self.sessions) - 1))]
        request_id = self._next()
        self.prompts[request_id] = session_id
        self.scene.prompt(request_id, session_id, "the same words")

    @precondition(lambda self: self.unanswered)
    @rule()
    def answer_question(self) -> None:
        question_id = self.unanswered.pop()
        self.scene.editor(id=question_id, result={"for": question_id})

    # -- the agent

    @precondition(lambda self: self.sessions)
    @rule(data=data())
    def stream(self, data) -> None:  # type: ignore[no-untyped-def]  # as above
        session_id = self.sessions[data.draw(integers(0, len(self.sessions) - 1))]
        text = f"update {self._next()}"
        self.streamed.setdefault(session_id, []).append(text)
        self.scene.gateway.stream(session_id, text)

    @precondition(lambda self: self.sessions)
    @rule(data=data())
    def ask(self, data) -> None:  # type: ignore[no-untyped-def]  # as above
        session_id = self.sessions[data.draw(integers(0, len(self.sessions) - 1))]
        self.asked.append(self.scene.gateway.ask(session_id))

    @rule()
    def finish_a_turn(self) -> None:
        for session_id, session in self.scene.gateway.sessions.items():
            for prompt_id in list(session.running)[:1]:
                self.scene.gateway.finish(session_id, prompt_id)
                return

    # -- what is promised

    def _look(self) -> None:
        for message in self.scene.seen:
            session_id = (message.get("result") or {}).get("sessionId")
            if session_id is not None and session_id not in self.sessions:
                self.sessions.append(session_id)
        answered = set(self.scene.gateway.answers)
        for question_id in self.scene.questions():
            if question_id not in answered | set(self.unanswered) and question_id in self.asked:
                self.unanswered.append(question_id)

    def teardown(self) -> None:
        scene, gateway = self.scene, self.scene.gateway
        self._come_to_rest()
        for request_id in range(1, self.requests + 1):
            answers = scene.answers(request_id)
            assert len(answers) == (1 if self._is_request(request_id) else 0), (request_id, answers)
        for request_id in self.prompts:
            assert "result" in scene.answer(request_id)
        outcomes = [scene.answer(request_id)["result"]["stopReason"] for request_id in self.prompts]
        assert len(set(outcomes)) == len(outcomes) == sum(len(s.turns) for s in gateway.sessions.values())
        for session_id in self.sessions:
            assert scene.texts(session_id) == self.streamed.get(session_id, [])
        assert sorted(scene.questions()) == sorted(self.asked)
        assert all(answers[0] == {"for": name} for name, answers in gateway.answers.items())
        assert set(gateway.answers) == set(self.asked)

    def _come_to_rest(self) -> None:
        scene = self.scene
        if not scene.is_connected:
            scene.connect()
        scene.settle()
        for question_id in scene.questions():
            scene.editor(id=question_id, result={"for": question_id})
        for session_id, session in scene.gateway.sessions.items():
            for prompt_id in list(session.running):
                scene.gateway.finish(session_id, prompt_id)
        scene.settle()

    def _is_request(self, number: int) -> bool:
        return all(f"update {number}" not in texts for texts in self.streamed.values())


AnyOrder.TestCase.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
TestAnyOrder = AnyOrder.TestCase
