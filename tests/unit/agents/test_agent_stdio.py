"""The stdio wire: processes that start, fail to start, end, are ended, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from wires import WAIT_S, Recorder

from actors.agents.dial import dial
from actors.agents.link import DialOptions
from actors.agents.stdio import StdioLink
from actors.agents.target import AgentTarget
from actors.errors import AgentClosedError, AgentStartError, MailboxFullError

ROOT = Path(__file__).parents[3]


async def started(command: str, recorder: Recorder, options: DialOptions | None = None) -> StdioLink:
    link = await dial(AgentTarget.parse(f"stdio:{command}"), recorder, options or DialOptions())
    assert isinstance(link, StdioLink)
    return link


def shell(script: str) -> str:
    return shlex.join(["sh", "-c", script])


def python(script: str) -> str:
    return shlex.join([sys.executable, "-S", "-c", script])


def in_session(session: int) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-command-anywhere --key=c4n4ry", "no command 'no-such-command-anywhere'"),
        ("/etc", "not executable"),
    ],
)
async def test_a_command_that_cannot_be_started_is_an_error_of_dial(command: str, why: str) -> None:
    with pytest.raises(AgentStartError, match=why) as caught:
        await started(command, Recorder())
    assert "c4n4ry" not in caught.value.detail


async def test_a_file_that_is_not_executable_is_an_error_of_dial(tmp_path: Path) -> None:
    program = tmp_path / "agent"
    program.touch(mode=0o644)
    with pytest.raises(AgentStartError, match="not executable"):
        await started(str(program), Recorder())


async def test_a_file_that_is_no_program_is_an_error_of_dial(tmp_path: Path) -> None:
    program = tmp_path / "agent"
    program.write_bytes(b"\x00\x01\x02")
    program.chmod(0o755)
    with pytest.raises(AgentStartError, match="could not be started"):
        await started(str(program), Recorder())


async def test_a_working_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentStartError, match=r"working directory .*gone"):
        await started("cat", Recorder(), DialOptions(cwd=str(tmp_path / "gone")))


async def test_an_agent_that_ends_at_once_is_told_with_its_last_words() -> None:
    recorder = Recorder()
    link = await started(shell("echo first >&2; printf 'no model key' >&2; exit 3"), recorder)
    closed = await recorder.end()
    await link.close()
    assert closed.reason == "the agent exited with code 3; its last words: first | no model key"
    assert recorder.logs == ["first", "no model key"]
    assert [closed.clean for closed in recorder.closed] == [False]


async def test_an_agent_gets_its_directory_and_its_environment_and_little_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_TENANTS_TOKEN", "c4n4ry")
    recorder = Recorder()
    options = DialOptions(cwd=str(tmp_path), env={"MODEL": "small"})
    link = await started(shell("pwd; env"), recorder, options)
    await recorder.end()
    await link.close()
    said = b"\n".join(recorder.frames).decode()
    assert recorder.frames[0].decode() == str(tmp_path)
    assert "MODEL=small" in said
    assert "PATH=" in said
    assert "c4n4ry" not in said


async def test_a_killed_agent_is_told_once_and_everything_it_said_before() -> None:
    recorder = Recorder()
    link = await started(shell("echo last; exec sleep 60"), recorder)
    await recorder.frame(0)
    os.kill(link.pid, signal.SIGKILL)
    closed = await recorder.end()
    await link.close()
    assert closed.reason == "the agent was ended by SIGKILL"
    assert (recorder.frames, len(recorder.closed)) == ([b"last"], 1)


async def test_an_agent_that_closes_its_output_is_ended() -> None:
    recorder = Recorder()
    link = await started(shell("exec 1>&-; sleep 60"), recorder)
    closed = await recorder.end()
    await link.close()
    assert closed.reason == "the agent closed its input or output"
    assert not in_session(link.pid)


async def test_a_line_over_the_limit_ends_the_link_and_the_process() -> None:
    recorder = Recorder()
    link = await started(shell("echo ok; yes | tr -d '\\n'"), recorder, DialOptions(max_frame_bytes=5000))
    closed = await recorder.end()
    await link.close()
    assert closed.reason == "the agent sent a line of over 5000 bytes"
    assert recorder.frames == [b"ok"]
    assert recorder.frames_after_closed == 0
    assert not in_session(link.pid)


async def test_an_agent_that_died_while_paused_is_still_heard_to_the_end() -> None:
    recorder = Recorder()
    script = "import sys; sys.stdout.write(''.join(f'{n} ' + 'x' * 90 + chr(10) for n in range(9000)))"
    link = await started(python(script), recorder)
    await recorder.frame(0)
    link.pause_reading()
    await asyncio.sleep(0.02)  # what was read already still comes
    heard = len(recorder.frames)
    assert heard < 9000
    await asyncio.sleep(0.05)
    assert (len(recorder.frames), recorder.closed) == (heard, [])
    link.resume_reading()
    await recorder.end()
    await link.close()
    assert [int(frame.split()[0]) for frame in recorder.frames] == list(range(9000))


async def test_what_the_agent_leaves_unread_is_bounded() -> None:
    recorder = Recorder()
    link = await started("sleep 60", recorder, DialOptions(max_frame_bytes=200_000))
    with pytest.raises(MailboxFullError):
        _send_for_ever(link)
    await link.close()


def _send_for_ever(link: StdioLink) -> None:
    for _ in range(100):
        link.send(b"x" * 200_000)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("sleep 60 & sleep 60 & cat", id="children"),
        pytest.param("(sleep 60 & sleep 60) & sleep 60", id="grandchildren"),
        pytest.param("trap '' TERM; sleep 60; sleep 60", id="deaf to SIGTERM"),
        pytest.param("(trap '' TERM; sleep 60; sleep 60) & cat", id="a deaf child"),
        pytest.param("setsid sleep 60 & cat", id="a child in a session of its own"),
        pytest.param("kill -STOP $$; sleep 60", id="stopped"),
    ],
)
async def test_close_leaves_no_process_behind(script: str) -> None:
    recorder = Recorder()
    link = await started(shell(f"echo up; {script}"), recorder, DialOptions(stop_grace_s=0.15))
    await recorder.frame(0)
    await asyncio.sleep(0.05)  # the shell starts what the script says
    family = [psutil.Process(link.pid), *psutil.Process(link.pid).children(recursive=True)]
    async with asyncio.timeout(2):
        await link.close()
    left = [process.pid for process in family if process.is_running() and process.status() != "zombie"]
    assert (left, in_session(link.pid)) == ([], [])
    assert [closed.clean for closed in recorder.closed] == [True]


async def test_what_a_dead_agent_started_is_ended_too() -> None:
    recorder = Recorder()
    link = await started(shell("sleep 60 & exit 0"), recorder)
    await recorder.end()
    await link.close()
    assert not in_session(link.pid)


async def test_fifty_dials_leave_no_zombie_and_no_file_descriptor() -> None:
    me = psutil.Process()
    link = await started("cat", Recorder())  # what asyncio opens once for all processes
    await link.close()
    before = (me.num_fds(), len(me.children()))
    for _ in range(50):
        link = await started("cat", Recorder())
        await link.close()
    assert (me.num_fds(), len(me.children())) == before


_WORKER = """
import asyncio
from actors.agents.dial import dial
from actors.agents.link import DialOptions
from actors.agents.target import AgentTarget

class Listener:
    def agent_frame(self, frame): print(frame.decode(), flush=True)
    def agent_log(self, line): pass
    def agent_closed(self, closed): pass

async def main():
    # An agent that does not even notice that its stdin was closed.
    await dial(AgentTarget.parse("stdio:sh -c 'echo $$; exec sleep 60'"), Listener(), DialOptions())
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_an_agent_does_not_outlive_a_worker_that_was_killed() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WORKER, stdout=subprocess.PIPE, env=environment
    )
    assert worker.stdout is not None
    agent = psutil.Process(int(await asyncio.wait_for(worker.stdout.readline(), WAIT_S)))
    assert agent.is_running()
    worker.kill()
    await worker.wait()
    async with asyncio.timeout(WAIT_S):
        while agent.is_running() and agent.status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


async def test_sending_to_a_dead_agent_is_refused() -> None:
    recorder = Recorder()
    link = await started("true", recorder)
    await recorder.end()
    with pytest.raises(AgentClosedError):
        link.send(b"{}")
    await link.close()
