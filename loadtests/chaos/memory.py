"""What the recording agent remembers: its sessions, kept in the record that is checked afterwards.

The record is a file of `topology.verify.agent_record` lines. A line is written before what it tells is sent,
and the agent that is killed and started again reads all of them. So what is in the record was said.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from topology.verify.agent_record import AgentLine
from topology.verify.record_lines import read_lines


class MemoryLine(AgentLine, rename="camel", omit_defaults=True):
    """A line of the record, with the prompt that is needed to repeat the conversation."""

    prompt: list[Raw] | UnsetType = UNSET


_decoder: Final = msgspec.json.Decoder(MemoryLine)


@dataclass
class Conversation:
    """One session: the content of each ``session/update``, prompts included, and how many were said."""

    session_id: str
    updates: list[Raw] = field(default_factory=list)
    said: int = 0


class Memory:
    """All sessions of the agent. Raises SettingsError where the record cannot be read."""

    def __init__(self, record: Path) -> None:
        self._conversations: dict[str, Conversation] = {}
        if record.exists():
            for line in read_lines(record, _decoder):
                self._remember(line)
        self._file = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._end_last_line(record)

    def open(self) -> Conversation:
        """A new session, with an id that is given out once."""
        line = MemoryLine("opened", f"chaos-{len(self._conversations)}")
        self._write(line)
        return self._conversations[line.session]

    def find(self, session_id: str) -> Conversation | None:
        """A session by its id."""
        return self._conversations.get(session_id)

    def hear(self, conversation: Conversation, prompt_id: str | None, prompt: Sequence[Raw]) -> None:
        """A prompt came."""
        self._write(MemoryLine("told", conversation.session_id, prompt_id=prompt_id, prompt=list(prompt)))

    def say(self, conversation: Conversation, update: object) -> Raw:
        """An update is about to be sent; returns its text."""
        text = Raw(msgspec.json.encode(update))
        self._write(MemoryLine("said", conversation.session_id, update=text))
        return text

    def _write(self, line: MemoryLine) -> None:
        os.write(self._file, msgspec.json.encode(line) + b"\n")
        self._remember(line)

    def _remember(self, line: MemoryLine) -> None:
        conversation = self._conversations.setdefault(line.session, Conversation(line.session))
        if line.update is not UNSET:
            conversation.updates.append(line.update)
            conversation.said += 1
        for block in () if line.prompt is UNSET else line.prompt:
            prompt = {"sessionUpdate": "user_message_chunk", "content": block}
            conversation.updates.append(Raw(msgspec.json.encode(prompt)))

    def _end_last_line(self, record: Path) -> None:
        """A line that was not finished told of something that was never sent."""
        text = record.read_bytes()
        if text and not text.endswith(b"\n"):
            os.ftruncate(self._file, text.rfind(b"\n") + 1)
