"""``lumilink agent`` as a process of its own, with the scripted agent."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from support.gateway_process import LUMILINK, scripted_agent_target
from support.workspace import Workspace

STOP_DEADLINE_S = 20.0


class RunnerProcess:
    """The runner ``laptop``, whose agents work in ``place``. Its log is in ``folder``.

    ``options`` are more of its options; ``within`` is a command that runs it.
    """

    def __init__(
        self,
        server: str,
        folder: Path,
        place: Workspace,
        *,
        options: Sequence[str] = (),
        within: Sequence[str] = (),
    ) -> None:
        agent = scripted_agent_target().removeprefix("stdio:").split()
        named = ["--name", "laptop", "--cwd", str(place), "--drain", "0", *options]
        self._log = folder / "runner.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*within, str(LUMILINK), "agent", "--server", server, *named, "--", *agent],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("LUMILINK_")},
            )

    @property
    def agents(self) -> list[psutil.Process]:
        """The agents that run in it."""
        return psutil.Process(self.process.pid).children()

    def said(self) -> str:
        """What it has printed."""
        return self._log.read_text()

    def is_ready(self) -> bool:
        """Whether its gateway knows it."""
        return "ready laptop" in self.said()

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_DEADLINE_S)
        finally:
            self.process.kill()
            self.process.wait()
