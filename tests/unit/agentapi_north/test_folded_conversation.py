"""What AgentAPI shows of a session's events."""

from __future__ import annotations

import json

from msgspec import Raw

from serve.agentapi import conversation as conversation_module
from serve.agentapi.conversation import Conversation, Fault, Message, Status

NOW = "2026-01-01T00:00:00.000Z"
AT = "2026-01-01T12:00:00.000Z"


def raw(value: object) -> Raw:
    return Raw(json.dumps(value).encode())


class Session:
    """Says what a session says, one event after the other."""

    def __init__(self) -> None:
        self.folded = Conversation(lambda: NOW)
        self.seq = 0

    def _next(self) -> int:
        self.seq += 1
        return self.seq

    def update(self, what: str, **more: object) -> int:
        params = {"sessionId": "s", "update": {"sessionUpdate": what, **more}}
        self.folded.take_update(raw(params), self._next())
        return self.seq

    def user(self, text: str, **more: object) -> int:
        return self.update("user_message_chunk", content={"type": "text", "text": text}, **more)

    def agent(self, text: str, **more: object) -> int:
        return self.update("agent_message_chunk", content={"type": "text", "text": text}, **more)

    def begins(self) -> int:
        self.folded.take_turn(raw({"state": "running", "turn": 1, "at": AT}), self._next())
        return self.seq

    def ends(self, outcome: str = "completed", answer: object = None) -> int:
        told = {"state": "ended", "outcome": outcome, "answer": answer or {"result": {}}}
        self.folded.take_turn(raw(told), self._next())
        return self.seq

    def turn(self, prompt: str, *said: str) -> None:
        self.begins()
        self.user(prompt)
        for text in said:
            self.agent(text)
        self.ends()

    @property
    def messages(self) -> list[tuple[str, str]]:
        return [(one.role, one.text) for one in self.folded.messages]


def test_a_turn_is_one_message_of_the_user_and_one_of_the_agent():
    session = Session()
    session.turn("hello", "Hi ", "there")
    session.turn("and now?", "Nothing")
    assert session.messages == [
        ("user", "hello"),
        ("agent", "Hi there"),
        ("user", "and now?"),
        ("agent", "Nothing"),
    ]


def test_a_message_has_the_seq_that_it_began_with_for_its_id():
    session = Session()
    session.begins()
    said, answered = session.user("hello"), session.agent("Hi")
    session.agent(" there")
    assert [one.number for one in session.folded.messages] == [said, answered]


def test_a_message_bears_the_time_at_which_its_turn_began():
    session = Session()
    session.turn("hello", "Hi")
    assert {one.time for one in session.folded.messages} == {AT}


def test_two_prompts_without_an_answer_between_them_are_two_messages():
    session = Session()
    session.turn("one")
    session.turn("two")
    assert session.messages == [("user", "one"), ("user", "two")]


def test_blocks_of_a_prompt_are_lines_of_one_message():
    session = Session()
    session.begins()
    session.user("look at")
    session.update("user_message_chunk", content={"type": "resource_link", "name": "a", "uri": "file:///a"})
    session.update("user_message_chunk", content={"type": "image", "data": "", "mimeType": "image/png"})
    assert session.messages == [("user", "look at\na: file:///a\n[image]")]


def test_another_message_of_the_agent_in_the_same_turn_begins_on_a_line_of_its_own():
    session = Session()
    session.begins()
    session.agent("One", messageId="m1")
    session.agent(".", messageId="m1")
    session.agent("Two", messageId="m2")
    assert session.messages == [("agent", "One.\nTwo")]


def test_tool_calls_are_lines_when_they_begin_and_when_they_end():
    session = Session()
    session.begins()
    session.agent("I write it.")
    session.update("tool_call", toolCallId="1", title="Write\nnotes.txt", kind="edit", status="pending")
    session.update("tool_call_update", toolCallId="1", status="in_progress")
    session.update("tool_call_update", toolCallId="1", status="completed")
    session.update("tool_call_update", toolCallId="1", content=[])
    session.agent("Done.")
    assert session.messages == [
        ("agent", "I write it.\n[edit] Write notes.txt\n[edit] Write notes.txt: done\nDone.")
    ]


def test_thoughts_plans_and_what_cannot_be_read_are_left_out():
    session = Session()
    session.update("agent_thought_chunk", content={"type": "text", "text": "hm"})
    session.update("plan", entries=[])
    session.update("agent_message_chunk", content=7)
    session.folded.take_update(raw([]), 9)
    assert session.messages == []


def test_a_part_that_is_replaced_is_not_shown_twice():
    session = Session()
    session.begins()
    session.agent("draft", messageId="m1")
    meta = {"lumilink": {"messageId": "m1.1", "replaces": "m1"}}
    session.agent("final", messageId="m1.1", _meta=meta)
    assert session.messages == [("agent", "final")]


def test_an_error_that_the_agent_reports_is_an_error_and_no_text():
    session = Session()
    meta = {"lumilink": {"agentError": {"level": "warning", "time": None}}}
    session.agent("[warning] low on tokens", _meta=meta)
    assert session.messages == []
    assert [(one.level, one.text) for one in session.folded.faults] == [("warning", "low on tokens")]


def test_the_agent_is_running_while_a_turn_is():
    session = Session()
    before = session.folded.status
    session.begins()
    during = session.folded.status
    session.ends()
    assert (before, during, session.folded.status) == ("stable", "running", "stable")


def test_a_turn_that_fails_is_an_error():
    session = Session()
    session.begins()
    session.ends("failed", {"error": {"code": -32000, "message": "no credit"}})
    assert [one.text for one in session.folded.faults] == ["the turn ended as failed: no credit"]
    assert session.folded.status == "stable"


def test_notices_are_errors_and_warnings_unless_they_are_good_news():
    session = Session()
    for severity in ("info", "warning", "error"):
        session.folded.take_notice(raw({"severity": severity, "toast": severity}), 1)
    assert [(one.level, one.text) for one in session.folded.faults] == [
        ("warning", "warning"),
        ("error", "error"),
    ]


def test_a_reader_is_told_what_has_changed_since_and_a_grown_message_once():
    session = Session()
    session.turn("one", "1")
    order = session.folded.order
    session.begins()
    session.user("two")
    session.agent("2")
    session.agent("3")
    changes = session.folded.new_since(order)
    assert [type(one) for one in changes] == [Status, Message, Message]
    assert isinstance(changes[2], Message)
    assert changes[2].text == "23"
    assert session.folded.new_since(session.folded.order) == []


def test_a_turn_that_came_and_went_unseen_is_told_as_two_changes():
    session = Session()
    order = session.folded.order
    session.turn("one", "1")
    told = [one.status for one in session.folded.new_since(order) if isinstance(one, Status)]
    assert told == ["running", "stable"]


def test_what_came_after_an_event_is_found_by_its_seq():
    session = Session()
    session.turn("one", "1")
    seen = session.seq
    session.turn("two", "2")
    messages = [one.text for one in session.folded.new_after(seen) if isinstance(one, Message)]
    assert messages == ["two", "2"]


def test_the_whole_state_is_messages_then_the_status_then_errors():
    session = Session()
    session.turn("one", "1")
    session.folded.take_notice(raw({"severity": "error", "toast": "broken"}), 9)
    assert [type(one) for one in session.folded.state()] == [Message, Message, Status, Fault]


def test_what_is_shown_anew_does_not_come_twice():
    session = Session()
    session.turn("one", "1")
    session.folded.clear()
    session.seq = 0
    session.turn("one", "1")
    assert session.messages == [("user", "one"), ("agent", "1")]


def test_a_long_conversation_loses_its_oldest_messages(monkeypatch):
    monkeypatch.setattr(conversation_module, "MAX_CHARS", 100)
    session = Session()
    for number in range(50):
        session.turn(f"prompt {number}", "answer")
    assert sum(len(text) for _, text in session.messages) <= 100
    assert session.messages[-1] == ("agent", "answer")
    assert session.messages[-2] == ("user", "prompt 49")


def test_a_long_message_keeps_its_end(monkeypatch):
    monkeypatch.setattr(conversation_module, "MAX_MESSAGE_CHARS", 100)
    session = Session()
    for number in range(100):
        session.agent(f"{number} ")
    [(_, text)] = session.messages
    assert len(text) <= 110
    assert text.startswith("…\n")
    assert text.endswith("98 99 ")


def test_a_message_that_nobody_reads_does_not_grow_in_pieces():
    session = Session()
    for number in range(5000):
        session.agent(f"{number % 10}")
    [message] = session.folded.messages
    assert len(message.parts) <= conversation_module.MAX_PARTS + 1
    assert message.text == "0123456789" * 500


def test_an_image_alone_still_is_a_message():
    session = Session()
    session.begins()
    session.update("user_message_chunk", content={"type": "image"})
    session.ends()
    assert session.messages == [("user", "[image]")]
