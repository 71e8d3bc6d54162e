"""An ACP agent on stdin and stdout that does what its prompts say. Run as ``python -I -S scripted_agent.py``.

The first line of the file ``behaviour`` in its working directory says how it starts; without that file it
is the example agent. A ``forgetful`` one cannot resume its sessions. A prompt's text is a script, one step
a line::

    say N [BYTES]    N updates, each with its number, padded to BYTES
    drip N MS        N updates, each with its number, MS milliseconds apart
    await FILE       go on once FILE is in the working directory
    ask              ask for permission; say the outcome
    read PATH        ask the client for a file; say its text, or the error's code
    tell FILE        send the updates of a file, one a line
    fail FILE        answer the prompt with the error of a file
    complain FILE    write the text of a file to standard error
    garbage          write a line that is no JSON
    half             write half a message, without its end
    spawn            start a process that would outlive the agent
    exit CODE        end the process
    wait             until the turn is cancelled
    hang             for ever, whatever the client says

It notes each of its starts, each mode and each prompt that it gets in files of its working directory; see
``workspace.py``.

It answers every method that it does not know with an error, but ``_test/never_answered`` not at all. It
needs the standard library alone, so that hundreds of it fit on a small machine.
"""

import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POLL_S = 0.01
STARTS = "agent-starts"
PROMPTS = "agent-prompts"
MODES = "agent-modes"
OPTIONS = [
    {"optionId": "yes", "name": "Yes", "kind": "allow_once"},
    {"optionId": "no", "name": "No", "kind": "reject_once"},
]


class CancelledTurnError(Exception):
    """The turn was cancelled."""


class FailedTurnError(Exception):
    """The prompt is answered with this error."""


class Agent:
    """One connection. Each prompt runs in a thread of its own; the main thread reads."""

    def __init__(self) -> None:
        self.writing = threading.Lock()
        self.numbers = itertools.count(1)
        self.cancelled: dict[str, threading.Event] = {}
        self.answers: dict[int, Callable[[dict[str, Any]], None]] = {}

    def write(self, text: str) -> None:
        with self.writing:
            sys.stdout.write(text)
            sys.stdout.flush()

    def send(self, **message: object) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def ask(self, method: str, params: dict[str, object]) -> dict[str, Any]:
        """Ask the client and wait for its answer, for as long as it takes."""
        number = next(self.numbers)
        answered = threading.Event()
        found: dict[str, Any] = {}

        def take(message: dict[str, Any]) -> None:
            found.update(message)
            answered.set()

        self.answers[number] = take
        self.send(id=number, method=method, params=params)
        answered.wait()
        return found

    def serve(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "method" not in message:
                self.answer(message)
            else:
                self.take(message)

    def answer(self, message: dict[str, Any]) -> None:
        take = self.answers.pop(message["id"], None)
        if take is not None:
            take(message)

    def take(self, message: dict[str, Any]) -> None:
        method, params = message["method"], message.get("params") or {}
        if method == "initialize":
            self.send(id=message["id"], result=initialized())
        elif method == "session/new":
            self.new_session(message["id"])
        elif method == "session/resume":
            self.cancelled[params["sessionId"]] = threading.Event()
            self.send(id=message["id"], result={})
        elif method == "session/prompt":
            turn = Turn(self, message["id"], params["sessionId"])
            text = params["prompt"][-1]["text"]  # before it may stand what was said so far
            note(PROMPTS, json.dumps(text))
            threading.Thread(target=turn.run, args=(text,), daemon=True).start()
        elif method == "session/cancel":
            self.cancelled[params["sessionId"]].set()
        elif method == "session/set_mode":
            note(MODES, f"{os.getpid()} {params['modeId']}")
            self.send(id=message["id"], result={})
        elif "id" in message and method != "_test/never_answered":
            self.send(id=message["id"], error={"code": -32601, "message": f"no method {method}"})

    def new_session(self, request_id: object) -> None:
        if BEHAVIOUR == "refuse-session":
            error = {"code": -32000, "message": "no credit left", "data": {"balance": 0, "plan": "free"}}
            self.send(id=request_id, error=error)
            return
        session_id = f"scripted-{os.getpid()}-{next(self.numbers)}"
        self.cancelled[session_id] = threading.Event()
        self.send(id=request_id, result={"sessionId": session_id})


class Turn:
    def __init__(self, agent: Agent, request_id: object, session_id: str) -> None:
        self.agent = agent
        self.request_id = request_id
        self.session_id = session_id
        self.cancelled = agent.cancelled[session_id]
        self.cancelled.clear()

    def run(self, script: str) -> None:
        reason = "end_turn"
        try:
            for line in script.splitlines():
                step, *words = line.split()
                STEPS[step](self, *words)
        except CancelledTurnError:
            reason = "cancelled"
        except FailedTurnError as failed:
            self.agent.send(id=self.request_id, error=failed.args[0])
            return
        self.agent.send(id=self.request_id, result={"stopReason": reason})

    def update(self, text: str) -> None:
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}
        self.agent.send(method="session/update", params={"sessionId": self.session_id, "update": update})

    def say(self, count: str, size: str = "0") -> None:
        for number in range(1, int(count) + 1):
            if self.cancelled.is_set():
                raise CancelledTurnError
            self.update(f"{number} ".ljust(int(size), "."))

    def drip(self, count: str, pause_ms: str) -> None:
        for number in range(1, int(count) + 1):
            if self.cancelled.wait(int(pause_ms) / 1000):
                raise CancelledTurnError
            self.update(f"{number} ")

    def await_file(self, name: str) -> None:
        while not Path(name).exists():
            if self.cancelled.wait(POLL_S):
                raise CancelledTurnError

    def ask(self) -> None:
        call = {"toolCallId": "call-1", "title": "Do it"}
        params: dict[str, object] = {"sessionId": self.session_id, "toolCall": call, "options": OPTIONS}
        answer = self.agent.ask("session/request_permission", params)
        outcome = answer.get("result", {}).get("outcome", {})
        if outcome.get("outcome") == "cancelled":
            raise CancelledTurnError
        self.update(f"chose {outcome.get('optionId')}")

    def read(self, path: str) -> None:
        answer = self.agent.ask("fs/read_text_file", {"sessionId": self.session_id, "path": path})
        self.update(answer["result"]["content"] if "result" in answer else f"error {answer['error']['code']}")

    def tell(self, file: str) -> None:
        for line in Path(file).read_text().splitlines():
            params = {"sessionId": self.session_id, "update": json.loads(line)}
            self.agent.send(method="session/update", params=params)

    def fail(self, file: str) -> None:
        raise FailedTurnError(json.loads(Path(file).read_text()))

    def complain(self, file: str) -> None:
        sys.stderr.write(Path(file).read_text())
        sys.stderr.flush()

    def garbage(self) -> None:
        self.agent.write("Traceback (most recent call last): this is no message\n")

    def half(self) -> None:
        self.agent.write('{"jsonrpc":"2.0","method":"session/upd')

    def spawn(self) -> None:
        subprocess.Popen(["sleep", "600"])

    def exit(self, code: str) -> None:
        sys.stderr.write("the agent was told to go\n")
        sys.stderr.flush()
        os._exit(int(code))

    def wait(self) -> None:
        self.cancelled.wait()
        raise CancelledTurnError

    def hang(self) -> None:
        threading.Event().wait()


STEPS: dict[str, Callable[..., None]] = {
    "say": Turn.say,
    "drip": Turn.drip,
    "await": Turn.await_file,
    "ask": Turn.ask,
    "read": Turn.read,
    "tell": Turn.tell,
    "fail": Turn.fail,
    "complain": Turn.complain,
    "garbage": Turn.garbage,
    "half": Turn.half,
    "spawn": Turn.spawn,
    "exit": Turn.exit,
    "wait": Turn.wait,
    "hang": Turn.hang,
}


def initialized() -> dict[str, object]:
    return {
        "protocolVersion": 99 if BEHAVIOUR == "future-version" else 1,
        "agentCapabilities": {
            "loadSession": False,
            "sessionCapabilities": {} if BEHAVIOUR == "forgetful" else {"resume": {}},
        },
        "agentInfo": {"name": "scripted-agent", "version": "1.0.0"},
        "authMethods": [],
    }


def begin() -> None:
    """Start as the file says."""
    if BEHAVIOUR == "example":
        os.execv(sys.executable, [sys.executable, "-m", "actors.agents.example"])
    if BEHAVIOUR == "crash-on-start":
        sys.stderr.write("the licence file is missing\n")
        sys.exit(3)
    if BEHAVIOUR == "garbage-on-start":
        sys.stdout.write("Welcome to the agent!\n\x00\xff not json\n")
        sys.stdout.flush()
    while BEHAVIOUR == "never-answers":
        time.sleep(POLL_S)
    note(STARTS, str(os.getpid()))
    Agent().serve()


def note(name: str, line: str) -> None:
    """Add a line to a file of the working directory, in one write: others may do so at the same time."""
    with Path(name).open("a") as file:
        file.write(line + "\n")


def behaviour() -> str:
    told = Path("behaviour")
    return told.read_text().strip() if told.exists() else "example"


BEHAVIOUR = behaviour()

if __name__ == "__main__":
    begin()
