"""The stream of events: what a reader is told, from which position, and when it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import cast

import pytest
from msgspec import Raw

from actors import errors
from serve.agentapi import events as events_module
from serve.agentapi.conversation import Conversation
from serve.agentapi.events import event_lines, position_of
from serve.agentapi.watcher import Watcher

Told = tuple[str | None, str, dict[str, object]]


class FakeWatcher:
    """A conversation without a session. ``rings`` are what happens while the reader waits."""

    def __init__(self) -> None:
        self.conversation = Conversation(lambda: "now")
        self.over: errors.LumiLinkError | None = None
        self.seq = 0
        self.silent = False

    async def rung(self, within_s: float) -> bool:
        return not self.silent

    def turn(self, state: str) -> None:
        self.seq += 1
        self.conversation.take_turn(Raw(json.dumps({"state": state}).encode()), self.seq)

    def said(self, text: str, kind: str = "agent") -> None:
        self.seq += 1
        update = {"sessionUpdate": f"{kind}_message_chunk", "content": {"type": "text", "text": text}}
        self.conversation.take_update(Raw(json.dumps({"update": update}).encode()), self.seq)


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch) -> FakeWatcher:
    monkeypatch.setattr(events_module, "INTERVAL_S", 0.0)
    return FakeWatcher()


def lines(watcher: FakeWatcher, after: int | None = None) -> AsyncIterator[bytes]:
    return event_lines(cast("Watcher", watcher), after, "claude", 1.0)


def read(chunk: bytes) -> list[Told]:
    found = []
    for event in chunk.decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        found.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return found


async def test_it_begins_with_the_whole_state_and_an_id_at_its_end(watcher: FakeWatcher):
    watcher.turn("running")
    watcher.said("hello", "user")
    watcher.said("Hi")
    told = read(await anext(lines(watcher)))
    assert [(one[0], one[1]) for one in told] == [
        (None, "message_update"),
        (None, "message_update"),
        ("3", "status_change"),
    ]
    assert told[1][2] == {"id": 3, "role": "agent", "message": "Hi", "time": told[0][2]["time"]}
    assert told[2][2] == {"status": "running", "agent_type": "claude"}


async def test_a_session_without_messages_begins_with_its_status(watcher: FakeWatcher):
    assert read(await anext(lines(watcher))) == [
        ("0", "status_change", {"status": "stable", "agent_type": "claude"})
    ]


async def test_a_growing_message_is_told_whole_and_once(watcher: FakeWatcher):
    stream = lines(watcher)
    await anext(stream)
    for text in ("a", "b", "c"):
        watcher.said(text)
    [(event_id, name, data)] = read(await anext(stream))
    assert (event_id, name, data["message"], data["id"]) == ("3", "message_update", "abc", 1)


async def test_who_comes_back_is_told_what_came_after_its_id_and_how_things_are(watcher: FakeWatcher):
    watcher.said("old", "user")
    watcher.said("new")
    told = read(await anext(lines(watcher, after=1)))
    assert [(one[1], one[2].get("message", one[2].get("status"))) for one in told] == [
        ("message_update", "new"),
        ("status_change", "stable"),
    ]


async def test_an_id_from_the_future_brings_everything(watcher: FakeWatcher):
    watcher.said("old", "user")
    told = read(await anext(lines(watcher, after=99)))
    assert [one[1] for one in told] == ["message_update", "status_change"]


async def test_silence_is_kept_alive(watcher: FakeWatcher):
    watcher.silent = True
    stream = lines(watcher)
    await anext(stream)
    assert (await anext(stream)).startswith(b":")


async def test_it_ends_with_the_session(watcher: FakeWatcher):
    stream = lines(watcher)
    await anext(stream)
    watcher.over = errors.SessionClosedError("closed")
    assert [chunk async for chunk in stream] == []


@pytest.mark.parametrize("told", ["", "-1", "x", "9f-1", "٣", "1.5"])
def test_an_id_that_is_none_of_ours_is_none(told: str):
    assert position_of(told) is None


def test_an_id_is_the_seq_of_an_event():
    assert position_of("17") == 17
    assert position_of(None) is None
