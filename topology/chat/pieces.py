"""What a conversation holds beside running text, as lines: tool calls, diffs, plans, questions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from acp.schema import (
    ContentToolCallContent,
    FileEditToolCallContent,
    PermissionOption,
    PlanEntry,
    TextContentBlock,
)
from rich.text import Text

from topology.chat.wording import one_line, plain

MAX_DIFF_LINES: Final = 40
MAX_OUTPUT_LINES: Final = 8
_MAX_COMPARED_CHARS: Final = 200_000

_STATUS: Final = {
    "pending": Text("pending", style="dim"),
    "in_progress": Text("running", style="yellow"),
    "completed": Text("done", style="green"),
    "failed": Text("failed", style="bold red"),
}
_STEP: Final = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
_DIFF_STYLE: Final = {"+": "green", "-": "red", "@": "cyan"}


def tool_line(kind: str | None, title: str, status: str | None) -> Text:
    """``[edit] Write notes.txt  running``."""
    line = Text.assemble((f"[{kind or 'other'}] ", "bold blue"), one_line(title))
    return line.append("  ").append(_STATUS.get(status or "", Text(one_line(status or ""))))


def content_lines(content: object) -> Iterator[Text]:
    """What a tool call shows: a diff, or the first lines of its text. Of other kinds, that they are there."""
    if isinstance(content, FileEditToolCallContent):
        yield from diff_lines(content.path, content.old_text, content.new_text)
    elif isinstance(content, ContentToolCallContent) and isinstance(content.content, TextContentBlock):
        lines = plain(content.content.text).splitlines()
        yield from (Text("    " + line[:200], style="dim") for line in lines[:MAX_OUTPUT_LINES])
        yield from _rest(len(lines) - MAX_OUTPUT_LINES)
    elif isinstance(content, ContentToolCallContent):
        yield Text(f"    ({content.content.type})", style="dim")


def diff_lines(path: str, old: str | None, new: str) -> Iterator[Text]:
    """A unified diff of at most 40 lines, coloured; of very large texts only the size."""
    yield Text("    " + one_line(path) + ("" if old is not None else " (new file)"), style="bold")
    if len(old or "") + len(new) > _MAX_COMPARED_CHARS:
        yield Text(f"    {len(old or '')} characters become {len(new)}", style="dim")
        return
    before, after = plain(old or "").splitlines(), plain(new).splitlines()
    changes = list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
    for line in islice(changes, MAX_DIFF_LINES):
        yield Text("    " + line[:200], style=_DIFF_STYLE.get(line[:1], "dim"))
    yield from _rest(len(changes) - MAX_DIFF_LINES)


def plan_lines(entries: Sequence[PlanEntry], before: Sequence[PlanEntry]) -> Iterator[Text]:
    """The plan as a checklist; where only the state of its steps has changed, how far it is."""
    steps = [entry.content for entry in entries]
    if steps != [entry.content for entry in before]:
        yield Text("Plan", style="bold")
        yield from (_step_line(entry) for entry in entries)
        return
    done = sum(entry.status == "completed" for entry in entries)
    current = next((entry.content for entry in entries if entry.status == "in_progress"), "")
    yield Text(f"Plan {done}/{len(steps)}" + (f"  {one_line(current)}" if current else ""), style="bold")


def question_lines(title: str, options: Sequence[PermissionOption]) -> Iterator[Text]:
    """A question with its numbered answers."""
    yield Text.assemble(("? ", "bold yellow"), (one_line(title), "bold"))
    for number, option in enumerate(options, start=1):
        yield Text(f"  {number}  {one_line(option.name)}")


def choose(answer: str, options: Sequence[PermissionOption]) -> PermissionOption | None:
    """The option that an answer means: its number, or how its name begins; the first such."""
    answer = answer.strip().casefold()
    if answer.isascii() and answer.isdecimal():
        number = int(answer[:4])
        return options[number - 1] if 1 <= number <= len(options) else None
    if not answer:
        return None
    return next((option for option in options if option.name.casefold().startswith(answer)), None)


def _step_line(entry: PlanEntry) -> Text:
    style = {"completed": "dim", "in_progress": "yellow"}.get(entry.status, "")
    return Text(f"  {_STEP[entry.status]} {one_line(entry.content)}", style=style)


def _rest(lines: int) -> Iterator[Text]:
    if lines > 0:
        yield Text(f"    … {lines} more lines", style="dim")
