"""What this agent can do: plain commands, found at the start of a prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from acp import tool_diff_content

from actors.agents.example.files import Files
from actors.agents.example.turn import Answer, Turn

HELP: Final = """\
I am an example agent without a model. I understand:
- list [PATH]: what is in a directory
- read FILE: the text of a file
- search TEXT: the lines that contain it
- write FILE TEXT: a new text for a file; I ask before I write
- edit FILE OLD => NEW: one replacement in a file; I ask before I write
- slow N: a number, N times, slowly; made to be cancelled
- help: this text
"""

_SLOW_S: Final = 0.15
_SLOW_MOST: Final = 10_000

Command = Callable[[Turn, Files, str], Awaitable[bool]]
"""Does its work with the rest of the prompt. False if the user cancelled the turn in an answer."""


async def carry_out(prompt: str, turn: Turn, files: Files) -> bool:
    """Do what the prompt says and tell of it; false if the user cancelled the turn in an answer."""
    word, _, rest = prompt.strip().partition(" ")
    command = _COMMANDS.get(word.lower())
    if command is None:
        await turn.say(f"You said: {prompt.strip()}\n\nI did not understand that. {HELP}")
        return True
    try:
        return await command(turn, files, rest.strip())
    except OSError as error:
        await turn.say(f"That did not work: {error}")
        return True


async def _help(turn: Turn, files: Files, rest: str) -> bool:
    await turn.say(HELP)
    return True


async def _list(turn: Turn, files: Files, rest: str) -> bool:
    path = rest or "."
    async with turn.tool(f"List {path}", "read", files.resolve(path)) as call:
        await call.begin()
        entries = files.entries(path)
        await call.complete("\n".join(entries))
    await turn.say(f"{path} has {len(entries)} entries:\n" + "\n".join(f"- {entry}" for entry in entries))
    return True


async def _read(turn: Turn, files: Files, rest: str) -> bool:
    if not rest:
        return await _explain(turn, "read FILE")
    async with turn.tool(f"Read {rest}", "read", files.resolve(rest)) as call:
        await call.begin()
        text = files.read(rest)
        await call.complete(text)
    await turn.say(f"{rest} has {len(text.splitlines())} lines:\n{text}")
    return True


async def _search(turn: Turn, files: Files, rest: str) -> bool:
    if not rest:
        return await _explain(turn, "search TEXT")
    async with turn.tool(f"Search for {rest}", "search", files.resolve(".")) as call:
        await call.begin()
        hits = await asyncio.to_thread(files.search, rest)
        found = "\n".join(f"{hit.path}:{hit.line}: {hit.text}" for hit in hits)
        await call.complete(found)
    await turn.say(f"Found {len(hits)} lines with {rest}:\n{found}")
    return True


async def _write(turn: Turn, files: Files, rest: str) -> bool:
    path, _, text = rest.partition(" ")
    if not path or not text:
        return await _explain(turn, "write FILE TEXT")
    return await _change(turn, files, path, files.read_if_there(path), text + "\n")


async def _edit(turn: Turn, files: Files, rest: str) -> bool:
    path, _, replacement = rest.partition(" ")
    old, arrow, new = replacement.partition(" => ")
    if not path or not old or not arrow:
        return await _explain(turn, "edit FILE OLD => NEW")
    before = files.read(path)
    if old not in before:
        await turn.say(f"{path} does not contain {old}.")
        return True
    return await _change(turn, files, path, before, before.replace(old, new, 1))


async def _change(turn: Turn, files: Files, path: str, before: str | None, after: str) -> bool:
    """Show the change, ask, and only then make it."""
    place = files.resolve(path)
    await turn.plan(f"Ask whether {path} may be written", f"Write {path}")
    diff = tool_diff_content(str(place), after, before)
    async with turn.tool(f"Write {path}", "edit", place, diff) as call:
        match await turn.may_write(call):
            case Answer.CANCELLED:
                await call.fail("cancelled")
                return False
            case Answer.REJECTED:
                await call.fail("rejected")
                await turn.say(f"I left {path} as it was.")
                return True
        await turn.step(1)
        await call.begin()
        files.write(path, after)
        await call.complete()
    await turn.step(2)
    await turn.say(f"I wrote {path}.")
    return True


async def _slow(turn: Turn, files: Files, rest: str) -> bool:
    if not rest.isdecimal():
        return await _explain(turn, "slow N")
    for number in range(1, min(int(rest), _SLOW_MOST) + 1):
        await turn.say_at_once(f"{number} ")
        await asyncio.sleep(_SLOW_S)
    return True


async def _explain(turn: Turn, usage: str) -> bool:
    await turn.say(f"I need more than that: {usage}")
    return True


_COMMANDS: Final[dict[str, Command]] = {
    "help": _help,
    "list": _list,
    "read": _read,
    "search": _search,
    "write": _write,
    "edit": _edit,
    "slow": _slow,
}
