"""ACP over the stdin and stdout of a process of ours: one message a line (ACP, "Transports", stdio)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Final, cast

from actors.agents.lines import ErrorLog, LineSplitter
from actors.agents.link import AgentListener, DialOptions, LinkClosed
from actors.agents.outbound import ensure_room
from actors.agents.process_tree import die_with_us, end_process_tree, environment, find_others
from actors.agents.target import AgentTarget
from actors.errors import AgentClosedError, AgentStartError, FrameTooLargeError

_STDIN: Final = 0
_STDOUT: Final = 1
_STDERR: Final = 2

# How long after the first sign of its end an agent's last output is waited for. A grandchild that holds
# the pipe open would otherwise hide that the agent is gone.
_LAST_OUTPUT_S: Final = 0.5
_PIPES_CLOSE_S: Final = 1.0


async def dial_stdio(target: AgentTarget, listener: AgentListener, options: DialOptions) -> StdioLink:
    """Start the command in a session of its own; raises AgentStartError where it cannot be started.

    A command that starts and ends at once is told to ``agent_closed``, with its last words in the reason.
    """
    program = target.command[0]
    _check_cwd(target, options.cwd)
    try:
        _, link = await asyncio.get_running_loop().subprocess_exec(
            lambda: StdioLink(listener, options),
            *target.command,
            cwd=options.cwd,
            env=environment(options.env),
            start_new_session=True,
            preexec_fn=die_with_us(),
        )
    except FileNotFoundError:
        raise AgentStartError(f"{target.label}: there is no command {program!r} on the PATH") from None
    except PermissionError:
        raise AgentStartError(f"{target.label}: {program!r} is not executable") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise AgentStartError(f"{target.label}: the command could not be started: {why}") from None
    return link


def _check_cwd(target: AgentTarget, cwd: str | None) -> None:
    """Look first, because the error of a missing directory looks like that of a missing command."""
    if cwd is not None and not Path(cwd).is_dir():
        raise AgentStartError(f"{target.label}: the working directory {cwd} does not exist")


class StdioLink(asyncio.SubprocessProtocol):
    """An ``AgentLink`` to a process. Made by ``dial_stdio``."""

    _process: asyncio.SubprocessTransport  # given by asyncio before dial_stdio returns

    def __init__(self, listener: AgentListener, options: DialOptions) -> None:
        self._listener = listener
        self._options = options
        self._messages = LineSplitter(options.max_frame_bytes)
        self._errors = ErrorLog(listener.agent_log, options.env)
        self._open_pipes = {_STDIN, _STDOUT, _STDERR}
        self._paused = False
        self._exited = asyncio.Event()
        self._released = asyncio.Event()
        self._last_output: asyncio.TimerHandle | None = None
        self._cleaning: asyncio.Task[None] | None = None
        self._closed_by_us = False
        self._told = False
        self._breach = ""

    @property
    def pid(self) -> int:
        """The process id of the agent, which is also the id of its session and process group."""
        return self._process.get_pid()

    # -- AgentLink -----------------------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        """Queue one message; see ``AgentLink.send``."""
        if self._cleaning is not None or _STDIN not in self._open_pipes:
            raise AgentClosedError("the agent's process has ended")
        ensure_room(len(frame), self._stdin.get_write_buffer_size(), self._options.max_frame_bytes)
        if b"\n" in frame:
            # Within JSON strings a newline is always escaped, so this one only made the text pretty.
            frame = frame.replace(b"\n", b" ")
        self._stdin.write(frame + b"\n")

    def pause_reading(self) -> None:
        """Stop reading the pipe. Messages that were read with the last one still come."""
        self._paused = True
        if _STDOUT in self._open_pipes:
            self._stdout.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._paused = False
        if _STDOUT in self._open_pipes:
            self._stdout.resume_reading()
        self._look_for_end()

    async def close(self) -> None:
        """End the process and all that it started: politely, after ``stop_grace_s`` by force."""
        if not self._told:
            self._closed_by_us = True
        await asyncio.shield(self._clean_up())

    # -- called by asyncio ---------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport: the process runs from here on."""
        self._process = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Pass on what the agent wrote."""
        if fd == _STDERR:
            self._errors.feed(data)
            return
        try:
            for line in self._messages.feed(data):
                if self._told:
                    return
                self._listener.agent_frame(line)
        except FrameTooLargeError as error:
            self._breach = error.detail
            self._end()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Note that a pipe is closed; the end of stdin or stdout is the end of the link."""
        self._open_pipes.discard(fd)
        if fd == _STDERR:
            self._errors.end()
        self._look_for_end()

    def process_exited(self) -> None:
        """Note that the process has ended; its last output may still be in the pipes."""
        self._exited.set()
        self._look_for_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that asyncio has let go of process and pipes."""
        self._released.set()

    # -- the end -------------------------------------------------------------------------------------

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        return cast("asyncio.WriteTransport", self._process.get_pipe_transport(_STDIN))

    @property
    def _stdout(self) -> asyncio.ReadTransport:
        return cast("asyncio.ReadTransport", self._process.get_pipe_transport(_STDOUT))

    def _look_for_end(self) -> None:
        ending = self._exited.is_set() or not self._open_pipes.issuperset({_STDIN, _STDOUT})
        if self._told or not ending:
            return
        if self._exited.is_set() and self._open_pipes.isdisjoint({_STDOUT, _STDERR}):
            self._end()
        elif self._last_output is None:
            loop = asyncio.get_running_loop()
            self._last_output = loop.call_later(_LAST_OUTPUT_S, self._last_output_over)

    def _last_output_over(self) -> None:
        self._last_output = None
        if not self._paused or _STDOUT not in self._open_pipes:
            self._end()

    def _end(self) -> None:
        self._tell_closed()
        self._clean_up()

    def _tell_closed(self) -> None:
        if self._told:
            return
        self._told = True
        if self._last_output is not None:
            self._last_output.cancel()
        self._listener.agent_closed(LinkClosed(self._reason(), clean=self._closed_by_us))

    def _reason(self) -> str:
        if self._closed_by_us:
            return "closed by us"
        said = self._errors.last_lines()
        return (self._breach or self._how_it_ended()) + (f"; its last words: {said}" if said else "")

    def _how_it_ended(self) -> str:
        code = self._process.get_returncode()
        if code is None:
            return "the agent closed its input or output"
        if code < 0:
            return f"the agent was ended by {signal.Signals(-code).name}"
        return f"the agent exited with code {code}"

    def _clean_up(self) -> asyncio.Task[None]:
        if self._cleaning is None:
            self._cleaning = asyncio.get_running_loop().create_task(self._leave_nothing_behind())
        return self._cleaning

    async def _leave_nothing_behind(self) -> None:
        others = await find_others(self.pid)
        if _STDIN in self._open_pipes:
            self._stdin.close()
        try:
            await end_process_tree(self.pid, self._exited, others, self._options.stop_grace_s)
        finally:
            self._process.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PIPES_CLOSE_S):
                await self._released.wait()
        self._tell_closed()
