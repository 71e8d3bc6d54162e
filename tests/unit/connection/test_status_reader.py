"""What an agent's updates say of a turn's progress, and what they cannot do to whoever reads them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.connection.events import Event, EventKind
from actors.connection.status.reader import MAX_TOOL_CALLS, StatusReader
from actors.connection.status.shape import Progress, ToolCalls, Usage

STATUSES = ("pending", "in_progress", "completed", "failed")
NAMES = ("a", "b", "c")
CALLS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(STATUSES)))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


class Told:
    """A reader, and how often it said that something has changed."""

    def __init__(self) -> None:
        self.changes = 0
        self.reader = StatusReader(self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def event(self, kind: EventKind, message: object) -> None:
        self.reader.take([Event(1, kind, json.dumps(message).encode(), "")])

    def update(self, update: object) -> None:
        params = {"sessionId": "ses_1", "update": update}
        self.event(EventKind.UPDATE, {"jsonrpc": "2.0", "method": "session/update", "params": params})

    def call(self, name: str, status: str) -> None:
        self.update({"sessionUpdate": "tool_call_update", "toolCallId": name, "status": status})


@given(CALLS)
def test_tool_calls_are_counted_by_what_was_said_of_each_last(calls: list[tuple[str, str]]):
    told = Told()
    for name, status in calls:
        told.call(name, status)
    last = dict(calls).values()
    done = sum(status in ("completed", "failed") for status in last)

    progress = told.reader.progress()
    assert (progress and progress.tool_calls) == (ToolCalls(done, len(last) - done) if calls else None)


@given(st.sampled_from(("plan", "tool_call", "tool_call_update", "usage_update")), ANYTHING)
def test_whatever_an_agent_writes_is_no_error(kind: str, value: object):
    told = Told()
    names = ("entries", "toolCallId", "status", "title", "used", "size", "cost")
    for name in names:
        told.update({"sessionUpdate": kind, name: value})
    told.event(EventKind.TURN_ENDED, {"answer": {"result": {"usage": value}}})
    told.event(EventKind.TURN_ENDED, {"answer": {"error": value, "usage": 1}})

    told.reader.progress()


def test_what_is_nested_too_deep_is_passed_over():
    told = Told()
    deep = b'{"params":{"update":{"sessionUpdate":"plan","entries":' + b"[" * 100_000
    told.reader.take([Event(1, EventKind.UPDATE, deep, "")])

    assert told.reader.progress() is None


def test_a_new_turn_begins_without_plan_and_calls_and_keeps_the_usage():
    told = Told()
    told.update({"sessionUpdate": "plan", "entries": [{"content": "Read", "status": "completed"}]})
    told.call("a", "completed")
    told.update({"sessionUpdate": "usage_update", "used": 7, "size": 9})
    told.event(EventKind.TURN_STARTED, {"turn": 2})

    assert told.reader.progress() is None
    assert told.reader.usage == Usage(context_used=7, context_size=9)


def test_without_a_step_under_way_the_newest_running_call_is_what_it_is_at():
    told = Told()
    for name, title in (("a", "Read"), ("b", "Write"), ("c", "Test")):
        told.update({"sessionUpdate": "tool_call", "toolCallId": name, "title": title, "status": "pending"})
    told.call("c", "completed")

    assert told.reader.progress() == Progress(current="Write", tool_calls=ToolCalls(1, 2))


def test_a_secret_in_a_title_is_not_told():
    told = Told()
    title = "curl -H 'Authorization: Bearer sk-ant-api03-0123456789abcdefghij'"
    told.update({"sessionUpdate": "tool_call", "toolCallId": "a", "title": title, "status": "pending"})
    progress = told.reader.progress()

    assert progress is not None
    assert "sk-ant" not in str(progress.current)


def test_no_more_calls_are_told_apart_than_a_turn_may_have():
    told = Told()
    for number in range(MAX_TOOL_CALLS + 10):
        told.call(f"{number}", "pending")
    progress = told.reader.progress()

    assert progress is not None
    assert progress.tool_calls == ToolCalls(0, MAX_TOOL_CALLS)


@pytest.mark.parametrize("place", ["usage", "_meta"])
def test_tokens_are_read_where_an_agent_reports_them(place: str):
    told = Told()
    tokens: dict[str, object] = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7, "thoughtTokens": 1}
    result = {place: tokens if place == "usage" else {"usage": tokens}, "stopReason": "end_turn"}
    told.event(EventKind.TURN_ENDED, {"turn": 1, "outcome": "completed", "answer": {"result": result}})

    assert told.reader.usage == Usage(3, 4, 7)


def test_text_that_streams_changes_nothing():
    told = Told()
    told.update({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": '"plan"'}})

    assert told.changes == 0
