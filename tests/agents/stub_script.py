"""What the stub model answers, whatever the provider's wire: read from one line of the prompt.

The last line of the newest user message that is one of these decides:

=========================  =========================================================================
``say TEXT``               TEXT, streamed word by word
``write PATH with TEXT``   a call of the agent's own tool that writes files, then ``It is written.``
``drip``                   ``DRIP_WORDS`` words, one every ``DRIP_INTERVAL_S``
=========================  =========================================================================

Anything else is answered with ``stub``, and so is a question without tools: agents ask for titles and
summaries that way, and quote the user's prompt in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

DRIP_INTERVAL_S: Final = 0.1
DRIP_WORDS: Final = 600
CLOSING: Final = "It is written."

_COMMAND: Final = re.compile(
    r"^(?:say (?P<say>.+)|write (?P<path>/\S+) with (?P<text>.+)|(?P<drip>drip))$", re.MULTILINE
)
_PATH_ARGUMENTS: Final = ("file_path", "filePath", "path")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the agent offers, by name and by the names of its arguments."""

    name: str
    arguments: frozenset[str]


@dataclass(frozen=True, slots=True)
class Question:
    """One request to the model, as far as the answer depends on it."""

    prompt: str
    tools: tuple[Tool, ...]
    tool_answered: bool
    """Whether the newest message is the result of the tool call that was asked for."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model makes. Its id is its own, since agents key what they keep by it."""

    name: str
    arguments: dict[str, str]
    id: str = field(default_factory=lambda: f"call_{uuid4().hex}")


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: words with a pause before each, then perhaps a tool call."""

    words: tuple[str, ...]
    interval_s: float = 0.0
    call: ToolCall | None = None

    @property
    def text(self) -> str:
        """All words at once, for a request that doesn't stream."""
        return "".join(self.words)


def answer(question: Question) -> Reply:
    """Decide what to say to ``question``."""
    commands = list(_COMMAND.finditer(question.prompt))
    if not commands or not question.tools:
        return Reply(("stub",))
    command = commands[-1]
    if command["say"]:
        return Reply(_words(command["say"]))
    if command["drip"]:
        return Reply(("drip ",) * DRIP_WORDS, DRIP_INTERVAL_S)
    call = _write_call(question.tools, command["path"], command["text"])
    if question.tool_answered or call is None:
        return Reply(_words(CLOSING))
    return Reply(_words("I write it."), call=call)


def _write_call(tools: tuple[Tool, ...], path: str, text: str) -> ToolCall | None:
    for tool in tools:
        path_argument = next((name for name in _PATH_ARGUMENTS if name in tool.arguments), None)
        if tool.name.lower() == "write" and path_argument and "content" in tool.arguments:
            return ToolCall(tool.name, {path_argument: path, "content": text})
    return None


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\s*\S+", text))
