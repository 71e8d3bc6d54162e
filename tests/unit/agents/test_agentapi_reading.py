"""What an AgentAPI server says, and what it is told: read and written without a server."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from actors.agents.agentapi.events import (
    AgentFault,
    Said,
    StatusChange,
    read_cause,
    read_event,
    read_messages,
    read_status,
)
from actors.agents.agentapi.prompt import MAX_BODY_BYTES, body_of
from actors.errors import AgentProtocolError, FrameTooLargeError, InvalidParamsError


def blocks(*contents: object) -> list[Raw]:
    return [Raw(json.dumps(content).encode()) for content in contents]


def text(content: str) -> dict[str, str]:
    return {"type": "text", "text": content}


def test_each_kind_of_event_is_told_by_its_members() -> None:
    message = b'{"id":3,"role":"agent","message":"hi","time":"2026-01-02T03:04:05.123456789Z"}'
    assert read_event(message) == Said(3, "agent", "hi")
    assert read_event(b'{"status":"running","agent_type":"claude"}') == StatusChange("running")
    fault = read_event(b'{"message":"no","level":"error","time":"2026-01-02T03:04:05.1Z"}')
    assert isinstance(fault, AgentFault)
    assert (fault.level, fault.text) == ("error", "no")


def test_an_event_of_an_unknown_kind_is_passed_over() -> None:
    assert read_event(b'{"screen":"..."}') is None


@given(st.binary(max_size=40))
def test_no_event_breaks_the_reader(data: bytes) -> None:
    with suppress(AgentProtocolError):  # anything else fails the test
        assert not isinstance(read_event(data), Said)


def test_the_cause_of_a_refusal_is_taken_from_its_errors() -> None:
    body = {"title": "Internal Server Error", "detail": "unexpected error occurred"}
    assert read_cause(json.dumps({**body, "errors": [{"message": "busy"}]}).encode()) == "busy"
    assert read_cause(json.dumps(body).encode()) == "unexpected error occurred"
    assert read_cause(b"Invalid host header") == "Invalid host header"
    assert len(read_cause(b"x" * 9999)) == 500


def test_answers_of_another_server_are_refused() -> None:
    for read in (read_status, read_messages):
        with pytest.raises(AgentProtocolError, match="as AgentAPI does"):
            read(b"<html>")


def test_a_server_that_names_no_transport_has_a_terminal() -> None:
    assert read_status(b'{"status":"stable"}').transport == "pty"


def test_a_prompts_blocks_become_one_text() -> None:
    resource = {"type": "resource", "resource": {"uri": "file:///a.py", "text": "x = 1"}}
    link = {"type": "resource_link", "name": "b.py", "uri": "file:///b.py"}
    said, body = body_of(blocks(text("Look:"), resource, link))
    assert said == "Look:\n\nfile:///a.py:\nx = 1\n\nb.py: file:///b.py"
    assert json.loads(body) == {"content": said, "type": "user"}


def test_a_prompt_presses_no_keys() -> None:
    said, _ = body_of(blocks(text("a\x1b[201~\x03b\r\nc\td\x7f\x9b")))
    assert said == "a[201~b\nc\td"


@pytest.mark.parametrize("content", [{"type": "image", "data": "", "mimeType": "image/png"}, {"no": "type"}])
def test_what_is_no_text_is_refused_by_its_place(content: object) -> None:
    with pytest.raises(InvalidParamsError, match=r"params\.prompt\[1\]"):
        body_of(blocks(text("see"), content))


def test_a_prompt_without_text_is_refused() -> None:
    with pytest.raises(InvalidParamsError, match="no text"):
        body_of(blocks(text("  \n")))


def test_a_prompt_that_the_server_would_not_read_is_refused() -> None:
    with pytest.raises(FrameTooLargeError, match=str(MAX_BODY_BYTES)):
        body_of(blocks(text("a" * MAX_BODY_BYTES)))
