"""The conversation as the terminal shows it: text as it streams in, everything else in lines of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    CurrentModeUpdate,
    PermissionOption,
    PlanEntry,
    PromptResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    UsageUpdate,
    UserMessageChunk,
)
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from topology.chat.pieces import content_lines, plan_lines, question_lines, tool_line
from topology.chat.wording import count, one_line, plain


@dataclass(slots=True)
class _ToolCall:
    """What is known of a tool call: updates name only what has changed."""

    title: str = ""
    kind: str | None = None
    status: str | None = None
    shown: list[object] = field(default_factory=list)


class View:
    """Writes to a console; ``is_typed`` tells whether the user's own lines appear on it by themselves."""

    def __init__(self, console: Console, *, is_typed: bool) -> None:
        self._console = console
        self._is_typed = is_typed
        self._flow = ""
        self._is_in_line = False
        self._has_status = False
        self._tool_calls: dict[str, _ToolCall] = {}
        self._plan: Sequence[PlanEntry] = ()
        self._usage: UsageUpdate | None = None

    # ------------------------------------------------------------------ the user's side

    def prompt(self, sign: str) -> None:
        """Invite the user to type, where one types; ``sign`` tells what is expected."""
        self._end_flow()
        if self._is_typed:
            self._print(Text(f"{sign} ", style="bold green"), end="")
            self._is_in_line = True

    def took(self, line: str, sign: str) -> None:
        """A line was taken; what was typed ended with its own line end."""
        self._is_in_line = False
        if not self._is_typed:
            self.line(f"{sign} {line}", "bold green")

    def line(self, text: str, style: str = "") -> None:
        """One line of ours."""
        self._lines([Text(plain(text), style=style)])

    def status(self, text: str) -> None:
        """How the turn fares, in the terminal's last line, until anything else is written. Only where one
        types, and not in the middle of a line.
        """
        if self._is_typed and self._console.is_terminal and not self._is_in_line:
            self._clear_status()
            said = Text(f"({text})", style="dim")
            said.truncate(max(self._console.width - 1, 1), overflow="ellipsis")
            self._console.print(said, end="", soft_wrap=True)
            self._has_status = True

    def notice(self, text: str, recovery: str = "") -> None:
        """Something that the user should know."""
        self._lines([Text.assemble(("! ", "bold yellow"), one_line(text, 500))])
        if recovery:
            self.line(f"  {one_line(recovery, 500)}", "dim")

    def error(self, text: str, recovery: str = "") -> None:
        """Something that did not work."""
        self._lines([Text.assemble(("error: ", "bold red"), one_line(text, 500))])
        if recovery:
            self.line(f"  {one_line(recovery, 500)}", "dim")

    def question(self, title: str, options: Sequence[PermissionOption]) -> None:
        """A question of the agent with its answers."""
        self._lines(question_lines(title, options))

    # ------------------------------------------------------------------ the agent's side

    def update(self, update: object) -> None:
        """Show a ``session/update``; kinds that tell a terminal's user nothing are passed over."""
        match update:
            case AgentMessageChunk(content=content):
                self._stream("agent", content, "")
            case AgentThoughtChunk(content=content):
                self._stream("thought", content, "dim italic")
            case UserMessageChunk(content=content):
                self._stream("user", content, "bold green")
            case ToolCallStart() | ToolCallProgress():
                self._tool_call(update)
            case AgentPlanUpdate(entries=entries):
                if entries != self._plan:
                    self._lines(plan_lines(entries, self._plan))
                self._plan = entries
            case CurrentModeUpdate(current_mode_id=mode):
                self.line(f"mode: {mode}", "dim")
            case UsageUpdate():
                self._usage = update
            case _:
                pass

    def turn_ended(self, response: PromptResponse) -> None:
        """How a turn ended, where that needs words, and what it took."""
        self._end_flow()
        if response.stop_reason != "end_turn":
            self.line(f"({response.stop_reason.replace('_', ' ')})", "yellow")
        said = []
        if response.usage is not None:
            usage = response.usage
            said.append(f"tokens: {count(usage.input_tokens)} in, {count(usage.output_tokens)} out")
        if self._usage is not None:
            said.append(f"context: {count(self._usage.used)} of {count(self._usage.size)}")
            cost = self._usage.cost
            if cost is not None:
                said.append(f"cost: {cost.amount:.2f} {one_line(cost.currency, 8)}")
            self._usage = None
        if said:
            self.line(", ".join(said), "dim")

    def new_session(self) -> None:
        """Forget what belonged to another session."""
        self._tool_calls.clear()
        self._plan = ()
        self._usage = None

    def _tool_call(self, update: ToolCallStart | ToolCallProgress) -> None:
        call = self._tool_calls.get(update.tool_call_id)
        if call is None or isinstance(update, ToolCallStart):
            call = self._tool_calls[update.tool_call_id] = _ToolCall(update.tool_call_id)
        before = (call.title, call.status)
        call.title = update.title or call.title
        call.kind = update.kind or call.kind
        call.status = update.status or call.status or "pending"
        if before != (call.title, call.status):
            self._lines([tool_line(call.kind, call.title, call.status)])
        for content in update.content or ():
            if content not in call.shown:
                call.shown = [*call.shown[-3:], content]
                self._lines(content_lines(content))

    # ------------------------------------------------------------------ the console

    def _stream(self, flow: str, content: object, style: str) -> None:
        text = plain(content.text) if isinstance(content, TextContentBlock) else _named(content)
        if self._flow != flow:
            self._end_flow()
            text = ("> " if flow == "user" else "") + text.lstrip("\n")
        if text:
            self._print(Text(text, style=style), end="")
            self._flow = flow
            self._is_in_line = not text.endswith("\n")

    def _lines(self, lines: Iterable[Text]) -> None:
        self._end_flow()
        for line in lines:
            self._print(line, end="\n")

    def _end_flow(self) -> None:
        self._flow = ""
        if self._is_in_line:
            self._is_in_line = False
            self._print(Text(), end="\n")

    def _clear_status(self) -> None:
        if self._has_status:
            self._has_status = False
            self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))

    def _print(self, text: Text, end: str) -> None:
        self._clear_status()
        # The terminal wraps: a stream has no lines yet, and text that is copied should have its own.
        self._console.print(text, end=end, soft_wrap=True)


def _named(content: object) -> str:
    """A block that is no text, by its kind and name."""
    kind = str(getattr(content, "type", "content")).replace("_", " ")
    name = getattr(content, "name", None) or getattr(content, "uri", None)
    return f"({kind}: {one_line(str(name))})" if name else f"({kind})"
