"""The example agent, driven over stdio by the official client."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError, spawn_agent_process, text_block
from acp.client.connection import ClientSideConnection
from acp.schema import AllowedOutcome, DeniedOutcome, RequestPermissionResponse, ToolCallUpdate

from actors.agents.example.files import Files

ROOT = Path(__file__).parents[3]


class Editor:
    """A client that records what it is told and answers questions as a test wants."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self.questions: list[ToolCallUpdate] = []
        self.answer: str | None = "allow-once"
        self.told = asyncio.Event()

    def on_connect(self, conn: object) -> None: ...

    async def session_update(self, session_id: str, update: Any, **_: object) -> None:
        self.updates.append(update)
        self.told.set()

    async def request_permission(
        self, session_id: str, tool_call: ToolCallUpdate, options: list[Any], **_: object
    ) -> RequestPermissionResponse:
        self.questions.append(tool_call)
        if self.answer is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        assert self.answer in [option.option_id for option in options]
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=self.answer))

    def of_kind(self, kind: str) -> list[Any]:
        return [update for update in self.updates if update.session_update == kind]

    @property
    def text(self) -> str:
        return "".join(update.content.text for update in self.of_kind("agent_message_chunk"))

    @property
    def tool_states(self) -> list[str]:
        return [update.status for update in self.updates if update.session_update.startswith("tool_call")]

    @property
    def plans(self) -> list[list[str]]:
        return [[entry.status for entry in update.entries] for update in self.of_kind("plan")]


class Conversation:
    """One session with the running agent."""

    def __init__(self, editor: Editor, connection: ClientSideConnection, session_id: str, root: Path) -> None:
        self.editor, self.connection, self.session_id, self.root = editor, connection, session_id, root

    async def prompt(self, text: str, answer: str | None = "allow-once") -> str:
        self.editor.answer = answer
        self.editor.updates.clear()
        response = await self.connection.prompt(session_id=self.session_id, prompt=[text_block(text)])
        return response.stop_reason


@asynccontextmanager
async def conversation(root: Path) -> AsyncIterator[Conversation]:
    editor = Editor()
    environment = {"PYTHONPATH": str(ROOT)}
    async with spawn_agent_process(
        editor,  # type: ignore[arg-type]  # the SDK's methods are optional
        sys.executable,
        "-m",
        "actors.agents.example",
        env=environment,
    ) as (connection, _):
        await connection.initialize(1)
        session = await connection.new_session(str(root), mcp_servers=[])
        yield Conversation(editor, connection, session.session_id, root)


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Conversation]:
    (tmp_path / "notes.txt").write_text("hello\nworld\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("print('world')\n")
    async with conversation(tmp_path) as talking:
        yield talking


async def test_it_lists_reads_and_searches_its_workspace(talk: Conversation) -> None:
    assert await talk.prompt("list") == "end_turn"
    assert talk.editor.tool_states == ["pending", "in_progress", "completed"]
    assert "- notes.txt\n- src/" in talk.editor.text
    await talk.prompt("read notes.txt")
    started = talk.editor.of_kind("tool_call")[0]
    assert (started.kind, started.locations[0].path) == ("read", str(talk.root / "notes.txt"))
    assert "hello\nworld" in talk.editor.text
    await talk.prompt("search world")
    assert talk.editor.of_kind("tool_call")[0].kind == "search"
    assert "notes.txt:2: world\nsrc/main.py:1: print('world')" in talk.editor.text


async def test_a_write_is_shown_asked_for_and_only_then_made(talk: Conversation) -> None:
    assert await talk.prompt("write src/new.txt some text") == "end_turn"
    assert (talk.root / "src" / "new.txt").read_text() == "some text\n"
    diff = talk.editor.of_kind("tool_call")[0].content[0]
    assert (diff.path, diff.old_text, diff.new_text) == (str(talk.root / "src/new.txt"), None, "some text\n")
    assert len(talk.editor.questions) == 1
    assert talk.editor.plans == [
        ["in_progress", "pending"],
        ["completed", "in_progress"],
        ["completed", "completed"],
    ]


async def test_a_rejected_edit_changes_nothing_and_the_turn_goes_on(talk: Conversation) -> None:
    assert await talk.prompt("edit notes.txt world => moon", answer="reject") == "end_turn"
    assert (talk.root / "notes.txt").read_text() == "hello\nworld\n"
    assert talk.editor.tool_states == ["pending", "failed"]


async def test_a_question_answered_with_cancelled_ends_the_turn_so(talk: Conversation) -> None:
    assert await talk.prompt("edit notes.txt world => moon", answer=None) == "cancelled"
    assert (talk.root / "notes.txt").read_text() == "hello\nworld\n"


async def test_always_means_that_it_asks_once(talk: Conversation) -> None:
    await talk.prompt("edit notes.txt world => moon", answer="allow-always")
    await talk.prompt("edit notes.txt moon => sun")
    assert (talk.root / "notes.txt").read_text() == "hello\nsun\n"
    assert len(talk.editor.questions) == 1


async def test_in_mode_auto_it_does_not_ask_and_in_mode_ask_it_does_again(talk: Conversation) -> None:
    await talk.connection.set_session_mode(session_id=talk.session_id, mode_id="auto")
    await talk.prompt("write a.txt one")
    assert talk.editor.questions == []
    await talk.connection.set_session_mode(session_id=talk.session_id, mode_id="ask")
    await talk.prompt("write a.txt two")
    assert len(talk.editor.questions) == 1
    with pytest.raises(RequestError):
        await talk.connection.set_session_mode(session_id=talk.session_id, mode_id="yolo")


async def test_a_slow_turn_streams_and_can_be_cancelled(talk: Conversation) -> None:
    turn = asyncio.create_task(talk.prompt("slow 1000"))
    async with asyncio.timeout(10):
        while len(talk.editor.updates) < 2:
            talk.editor.told.clear()
            await talk.editor.told.wait()
    await talk.connection.cancel(session_id=talk.session_id)
    assert await asyncio.wait_for(turn, 5) == "cancelled"
    assert talk.editor.text.startswith("1 2 ")
    assert await talk.prompt("slow 1") == "end_turn"


async def test_other_words_are_echoed_with_what_it_can_do_in_several_chunks(talk: Conversation) -> None:
    assert await talk.prompt("refactor everything") == "end_turn"
    assert "You said: refactor everything" in talk.editor.text
    assert "edit FILE OLD => NEW" in talk.editor.text
    assert len(talk.editor.updates) > 3


async def test_what_it_does_not_serve_is_refused(talk: Conversation) -> None:
    with pytest.raises(RequestError):
        await talk.connection.load_session(str(talk.root), talk.session_id, mcp_servers=[])
    with pytest.raises(RequestError):
        await talk.connection.new_session("relative/path", mcp_servers=[])
    with pytest.raises(RequestError):
        await talk.connection.prompt(session_id="nope", prompt=[text_block("help")])


async def test_it_starts_within_a_second_of_its_own_time(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "actors.agents.example"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1}}\n')
    await asyncio.wait_for(process.stdout.readline(), 20)
    used = _cpu_seconds(process.pid)
    process.stdin.close()
    await process.wait()
    assert used < 1  # CPU time, because the wall clock of a busy machine proves nothing


def _cpu_seconds(pid: int) -> float:
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@pytest.mark.parametrize("path", ["../x", "/etc/hostname", "out/x", "src/../../x", "file"])
@pytest.mark.parametrize("use", ["read", "write", "entries"])
def test_no_path_leads_out_of_the_workspace(tmp_path: Path, path: str, use: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "src").mkdir(parents=True)
    outside.mkdir()
    (outside / "x").write_text("c4n4ry")
    (tmp_path / "x").write_text("c4n4ry")
    (root / "out").symlink_to(outside)
    (root / "file").symlink_to(outside / "x")
    files = Files(root)
    act: dict[str, Callable[[], object]] = {
        "read": lambda: files.read(path),
        "write": lambda: files.write(path, "changed"),
        "entries": lambda: files.entries(path),
    }
    with pytest.raises(PermissionError):
        act[use]()
    assert files.search("c4n4ry") == []
    assert (outside / "x").read_text() == "c4n4ry"


async def test_every_command_that_help_names_is_known(tmp_path: Path) -> None:
    from actors.agents.example.commands import _COMMANDS, HELP

    named = {line.split()[1].rstrip(":") for line in HELP.splitlines() if line.startswith("- ")}
    assert named == set(_COMMANDS)
