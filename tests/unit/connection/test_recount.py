"""The conversation as a text for an agent that has not heard it."""

import json

from actors.connection.recount import Recount, preceded
from actors.protocol.envelope import parse


def update(kind: str, **members: object) -> bytes:
    params = {"sessionId": "ses_1", "update": {"sessionUpdate": kind, **members}}
    return json.dumps({"jsonrpc": "2.0", "method": "session/update", "params": params}).encode()


def said(kind: str, text: str) -> bytes:
    return update(kind, content={"type": "text", "text": text})


def told(*frames: bytes, max_chars: int = 1000) -> str:
    recount = Recount(max_chars)
    recount.add(frames)
    return recount.text()


def test_chunks_of_one_speaker_are_joined():
    text = told(
        said("user_message_chunk", "what "),
        said("user_message_chunk", "is it?"),
        said("agent_message_chunk", "a "),
        said("agent_message_chunk", "duck"),
    )

    assert "User: what is it?\n\nAgent: a duck\n\n" in text


def test_it_says_what_it_is_and_where_it_ends():
    text = told(said("user_message_chunk", "hello"))

    assert text.startswith("[Context:")
    assert text.endswith("The prompt follows.]")


def test_tools_are_told_by_their_titles_when_they_have_ended():
    text = told(
        update("tool_call", toolCallId="1", title="Read a.py", status="pending"),
        update("tool_call_update", toolCallId="1", status="in_progress"),
        update("tool_call_update", toolCallId="1", status="completed", content=[{"type": "content"}]),
        said("agent_message_chunk", "done"),
    )

    assert text.count("Read a.py") == 1
    assert "(Read a.py: completed)\n\nAgent: done" in text


def test_thoughts_states_and_what_cannot_be_read_are_left_out():
    text = told(
        said("agent_thought_chunk", "hm"),
        update("plan", entries=[{"content": "x"}]),
        b"[]",
        b"{",
        b'{"params":5}',
        said("agent_message_chunk", "yes"),
    )

    assert "hm" not in text
    assert "Agent: yes" in text


def test_a_block_that_is_no_text_is_named():
    image = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
    text = told(update("user_message_chunk", content=image))

    assert "User: (image)" in text
    assert "AAAA" not in text


def test_of_a_long_conversation_the_newest_part_is_told():
    frames = [said("agent_message_chunk", f"{number:04} ") for number in range(1000)]
    text = told(*frames, max_chars=500)

    assert "0999" in text
    assert "0001" not in text
    assert "without its beginning" in text
    assert len(text) < 500 + 300


def test_one_very_long_message_is_cut_too():
    text = told(said("agent_message_chunk", "x" * 5000), max_chars=500)

    assert len(text) < 500 + 300
    assert "without its beginning" in text


def test_nothing_said_is_no_context():
    assert told() == ""
    assert told(update("plan", entries=[])) == ""


def test_the_context_comes_before_the_prompt_and_nothing_else_changes():
    frame = (
        b'{"jsonrpc":"2.0","id":1.0,"method":"session/prompt","params":{"sessionId":"s","x":1.50,'
        b'"prompt":[{"type":"image","data":"AA","y":2e3}],"_meta":{"z":1}}}'
    )
    changed = preceded(parse(frame), "so far").frame

    assert changed == frame.replace(b'"prompt":[', b'"prompt":[{"type":"text","text":"so far"},')
