"""The conversation: prompts and commands, turns that can be interrupted, a connection that can be lost."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from acp import RequestError
from acp.schema import PromptResponse

from actors.agents.target import AgentTarget
from actors.errors import ConnectionFault
from topology.chat.client import ChatClient
from topology.chat.connection import ChatConnection, Patience, told
from topology.chat.lines import Lines
from topology.chat.view import View
from topology.chat.wording import one_line

_SIGN: Final = ">"

_HELP: Final = """\
/new        start another session
/sessions   list sessions
/mode NAME  change the session's mode; without NAME, list the modes
/quit       leave; so do Ctrl-D and, between turns, Ctrl-C
Ctrl-C      cancel the running turn
Everything else goes to the agent, and so do its own commands."""


class Conversation:
    """One run of ``lumilink chat``."""

    def __init__(
        self, target: AgentTarget, lines: Lines, view: View, patience: Patience | None = None
    ) -> None:
        self._view = view
        self._lines = lines
        self._client = ChatClient(view, self._next_answer, self._question_over)
        self._connection = ChatConnection(target, self._client, patience or Patience())
        self._interrupted = asyncio.Event()
        self._in_turn = False
        self._is_waiting = False
        self._began = False
        self._talk: asyncio.Task[None] | None = None
        self._commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "help": self._help,
            "new": self._new,
            "sessions": self._sessions,
            "mode": self._mode,
        }

    @property
    def session_id(self) -> str:
        """The session that is talked in; empty before the gateway has given it."""
        return self._client.session_id if self._began else ""

    async def run(self, session_id: str | None) -> None:
        """Talk until the user leaves. ``session_id`` is that of a session to go on with.

        Raises a ConnectionFault if the gateway is not there, or does not come back; RequestError if there
        can be no session.
        """
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self._lines.run(), name="lines")
        self._talk = loop.create_task(self._converse(session_id), name="conversation")
        try:
            await asyncio.wait((self._talk,))
            if not self._talk.cancelled():
                self._talk.result()
        finally:
            for task in (self._talk, reading):
                task.cancel()
            await asyncio.gather(self._talk, reading, return_exceptions=True)
            await self._connection.close()

    def interrupt(self) -> None:
        """Ctrl-C: the first during a turn cancels the turn, any other leaves."""
        if self._in_turn and not self._interrupted.is_set():
            self._interrupted.set()
        elif self._talk is not None:
            self._talk.cancel()

    # ------------------------------------------------------------------ lines

    async def _converse(self, session_id: str | None) -> None:
        await self._connection.open()
        if session_id is None:
            await self._connection.new()
        else:
            await self._connection.load(session_id)
        self._began = True
        self._view.line(f"Session {self.session_id}. /help lists the commands.", "dim")
        while (line := await self._next_line()) is not None and line != "/quit":
            word, _, rest = line.removeprefix("/").partition(" ")
            if not line:
                continue
            if not line.startswith("/") or word in self._client.commands:
                await self._turn(line)
            elif word in self._commands:
                await self._command(self._commands[word], rest.strip())
            else:
                self._view.error(f"there is no command {one_line(line, 40)}", "/help lists them.")

    async def _next_line(self) -> str | None:
        """The next prompt or command, stripped. A connection that is lost meanwhile is made anew."""
        self._is_waiting = True
        self._view.prompt(_SIGN)
        loop = asyncio.get_running_loop()
        asking = loop.create_task(self._lines.next())
        try:
            while not await self._first(asking, self._connection.wait_lost()):
                await self._reconnect()
                self._view.prompt(_SIGN)
            line = asking.result()
        finally:
            self._is_waiting = False
            asking.cancel()
        if line is not None:
            self._view.took(line.strip(), _SIGN)
        return None if line is None else line.strip()

    async def _next_answer(self) -> str | None:
        """A line for a question of the agent; none once the turn is interrupted."""
        asking = asyncio.get_running_loop().create_task(self._lines.next())
        try:
            return asking.result() if await self._first(asking, self._interrupted.wait()) else None
        finally:
            asking.cancel()

    def _question_over(self) -> None:
        if self._is_waiting:
            self._view.prompt(_SIGN)

    @staticmethod
    async def _first(
        task: asyncio.Task[str | None] | asyncio.Task[PromptResponse], event: Awaitable[object]
    ) -> bool:
        """Wait for the task or the event; whether the task is done."""
        other = asyncio.ensure_future(event)
        try:
            await asyncio.wait((task, other), return_when=asyncio.FIRST_COMPLETED)
            return task.done()
        finally:
            other.cancel()

    # ------------------------------------------------------------------ turns

    async def _turn(self, text: str) -> None:
        """One prompt and its outcome, over any number of connections."""
        prompt_id = f"chat-{secrets.token_urlsafe(12)}"
        self._client.own_prompt = text
        self._in_turn = True
        status = asyncio.get_running_loop().create_task(self._client.status.run(), name="status")
        try:
            while True:
                try:
                    self._view.turn_ended(await self._prompt(text, prompt_id))
                    return
                except ConnectionError:
                    await self._reconnect()
        except RequestError as error:
            self._view.error(*told(error))
        finally:
            status.cancel()
            self._in_turn = False
            self._interrupted.clear()
            self._client.own_prompt = None

    async def _prompt(self, text: str, prompt_id: str) -> PromptResponse:
        prompt = asyncio.get_running_loop().create_task(self._connection.prompt(text, prompt_id))
        try:
            if not await self._first(prompt, self._interrupted.wait()):
                self._view.line("(cancelling; Ctrl-C again leaves)", "yellow")
                await self._connection.cancel()
            return await prompt
        finally:
            prompt.cancel()

    async def _reconnect(self) -> None:
        self._view.notice("The connection to the gateway is lost; trying to come back.")
        await self._connection.reopen()
        self._view.line("(connected again)", "dim")

    # ------------------------------------------------------------------ commands

    async def _command(self, command: Callable[[str], Awaitable[None]], rest: str) -> None:
        try:
            await command(rest)
        except RequestError as error:
            self._view.error(*told(error))
        except ConnectionFault as error:
            self._view.error(error.detail)
        except ConnectionError:
            self._view.error("the connection was lost meanwhile", "Give the command again.")

    async def _help(self, rest: str) -> None:
        self._view.line(_HELP)

    async def _new(self, rest: str) -> None:
        await self._connection.new()
        self._view.line(f"Session {self.session_id}.", "dim")

    async def _sessions(self, rest: str) -> None:
        for session in await self._connection.sessions():
            mark = "*" if session.session_id == self.session_id else " "
            about = "  ".join(filter(None, (session.updated_at, session.cwd, session.title)))
            self._view.line(f"{mark} {session.session_id}  {one_line(about)}")

    async def _mode(self, name: str) -> None:
        modes = self._connection.modes
        if modes is None:
            self._view.line("This agent has no modes.")
            return
        wanted = [m for m in modes.available_modes if name.casefold() in (m.id.casefold(), m.name.casefold())]
        if wanted:
            await self._connection.set_mode(wanted[0].id)
            self._view.line(f"mode: {wanted[0].name}", "dim")
            return
        if name:
            self._view.error(f"there is no mode {one_line(name, 40)}")
        for mode in modes.available_modes:
            self._view.line(f"  {mode.id}  {one_line(mode.description or mode.name)}")
