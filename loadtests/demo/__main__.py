"""``python -m loadtests.demo``: the fallback, shown step by step. Ends with 1 at the first step that fails.

Sessions work over ACP; their agent is broken; they go on over HTTP by themselves, with their conversations,
and the workspace is rolled back; what happened is read from the records; the agent is mended, and the
workspace returns to ACP. No client reconnects for any of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import httpx

from actors.errors import LumiLinkError
from loadtests.demo.client import Client, Json, client
from loadtests.processes import free_port, launched

SESSIONS: Final = 6
WORKSPACE: Final = "demo"
_POLICY: Final = "/api/v1/installations/default/protocol"
_PROTOCOL: Final = f"/api/v1/workspaces/{WORKSPACE}/protocol"
_READY_S: Final = 60.0
_SOON_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.2


class StepError(Exception):
    """Something was not as it should be."""


def check(is_so: bool, what: str) -> None:
    """Raises StepError if it is not."""
    if not is_so:
        raise StepError(what)


class Demonstration:
    """The steps, in order. ``broken`` is the file that breaks the agent over ACP."""

    def __init__(self, url: str, broken: Path, posted: Path, folder: Path) -> None:
        self._url = url
        self._broken = broken
        self._posted = posted
        self._folder = folder
        self._sessions: list[str] = []
        self._http = httpx.AsyncClient(base_url=url, timeout=15.0)

    async def run(self) -> None:
        """All of it. Raises StepError."""
        async with self._http, client(self._url.replace("http", "ws", 1) + "/acp") as one:
            await self._work_over_acp(one)
            await self._break_the_agent(one)
            await self._go_on_over_http(one)
            await self._read_the_records()
            await self._return(one)
            await self._compare(one)

    async def _work_over_acp(self, one: Client) -> None:
        for number in range(SESSIONS):
            meta = {"lumilink": {"workspaceId": WORKSPACE, "containerId": f"container-{number}"}}
            answer = await one.ask("session/new", cwd=str(self._folder), mcpServers=[], _meta=meta)
            about = answer["result"]["_meta"]["lumilink"]
            check((about["protocol"], about["protocolVersion"]) == ("acp", "1.0.0"), f"confirmed: {about}")
            self._sessions.append(answer["result"]["sessionId"])
        for session_id in self._sessions:
            for number in range(3):
                answer = await one.prompt(session_id, f"first {number}")
                check("result" in answer, f"a prompt over ACP: {answer}")
        shown = await self._get(_PROTOCOL)
        check(shown["state"] == "acp", f"the workspace: {shown}")
        step(f"{SESSIONS} sessions work over ACP 1.0.0, all of {shown['metrics']['samples']} samples good")

    async def _break_the_agent(self, one: Client) -> None:
        first = self._sessions[0]
        running = await one.begin(
            "session/prompt", sessionId=first, prompt=[{"type": "text", "text": "slow 1000"}]
        )
        await asyncio.sleep(_LOOK_EVERY_S)
        self._broken.touch()
        answer = await asyncio.wait_for(running, _SOON_S)
        code = answer.get("error", {}).get("data", {}).get("code")
        check(code == "turn-interrupted", f"the turn that ran: {answer}")
        step("the agent breaks in the middle of a turn: the client is told turn-interrupted, to be repeated")

    async def _go_on_over_http(self, one: Client) -> None:
        first = self._sessions[0]
        # A session that finds no agent again falls back by itself; of so many the workspace is there first.
        toast = await one.noticed(first, "rolled-back")
        step(f"toast: {toast['toast']}")
        for session_id in self._sessions:
            answer = await one.prompt(session_id, "second")
            check("result" in answer, f"a prompt over HTTP: {answer}")
            check(one.said(session_id).endswith("Over HTTP you said: second"), one.said(session_id)[-200:])
        posted = [json.loads(line) for line in self._posted.read_text().splitlines()]
        check("first 2" in posted[0], "the agent over HTTP is told the conversation")
        step("all sessions go on over HTTP, on the same socket, and their agent knows the conversation")
        await self._becomes("rolled-back")
        shown = await self._get(_PROTOCOL)
        rate = shown["metrics"]["successRate"]
        step(f"the workspace is rolled back by itself: {rate:.1%} of its samples were good, 99 % are wanted")

    async def _read_the_records(self) -> None:
        async def recorded() -> bool:
            self._found = await self._get("/api/v1/rollbacks?workspaceId=demo")
            return any(item["trigger"] == "auto-threshold" for item in self._found["items"])

        await self._until(recorded, "the rollback in the records")
        migrations = await self._get("/api/v1/migrations?workspaceId=demo")
        log = migrations["items"][-1]
        check((log["fromProtocol"], log["toProtocol"]) == ("acp", "http"), f"the migration: {log}")
        check(bool(log["metricsSnapshot"]), "the migration's metrics")

        async def told() -> bool:
            path = f"/api/v1/sessions/{self._sessions[0]}/transcript"
            return any(item["eventType"] == "rollback" for item in (await self._get(path))["items"])

        await self._until(told, "the rollback in the transcript")
        step("auditors see the rollback, the migration with its metrics, and the entry in the transcript")

    async def _return(self, one: Client) -> None:
        self._broken.unlink()
        answer = await self._http.post(f"{_PROTOCOL}/return", json={"reason": "the agent is mended"})
        check(answer.status_code == 200, answer.text)
        await self._becomes("acp")
        await one.noticed(self._sessions[0], "returned")
        for session_id in self._sessions:
            answered = await one.prompt(session_id, "third")
            check("result" in answered, f"a prompt over ACP again: {answered}")
            check("Over HTTP" not in one.said(session_id).rpartition("second")[2], "the agent over ACP")
        step("the agent is mended, an operator returns the workspace, and the sessions work over ACP again")

    async def _compare(self, one: Client) -> None:
        first = self._sessions[0]
        async with client(self._url.replace("http", "ws", 1) + "/acp") as other:
            await other.ask("session/load", sessionId=first, cwd=str(self._folder), mcpServers=[])
            loaded = other.said(first)
        places = [
            loaded.find(said) for said in ("first 0", "slow 1000", "Over HTTP you said: second", "third")
        ]
        check(places == sorted(places) and places[0] >= 0, f"the conversation: {loaded}")
        step("one conversation, over ACP, HTTP and ACP, is what a client gets that loads the session now")

    # ------------------------------------------------------------------ within

    async def _becomes(self, state: str) -> None:
        async def is_so() -> bool:
            shown = await self._get(_PROTOCOL)
            return shown["state"] == state and shown["migration"] is None

        await self._until(is_so, f"the workspace to become {state}")

    async def _until(self, is_so: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + _SOON_S
        while not await is_so():
            if time.monotonic() > end:
                raise StepError(f"waited {_SOON_S:g} s in vain for {what}")
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _get(self, path: str) -> Json:
        answer = await self._http.get(path)
        check(answer.status_code == 200, f"{path}: {answer.text}")
        found: Json = answer.json()
        return found


def step(what: str) -> None:
    """Tell of a step that is done."""
    click.echo(f"ok   {what}")


@click.command()
def main() -> None:
    """Show the fallback, step by step."""
    with tempfile.TemporaryDirectory(prefix="lumilink-demo-") as name:
        try:
            _show(Path(name))
        except (StepError, LumiLinkError, TimeoutError) as error:
            click.echo(f"FAIL {error}" if str(error) else "FAIL an answer did not come")
            sys.exit(1)


def _show(folder: Path) -> None:
    port, http_port = free_port(), free_port()
    broken, posted = folder / "broken", folder / "posted.jsonl"
    work = folder / "work"
    work.mkdir()
    http_agent = [sys.executable, "-m", "loadtests.demo.http_agent", str(http_port), str(posted)]
    gateway = [
        str(Path(sys.executable).with_name("lumilink")),
        *("up", "--port", str(port), "--data-dir", str(folder / "data")),
        *("--agent", f"stdio:{sys.executable} -m loadtests.demo.flaky_agent {broken}"),
        *(
            "--fallback-agent",
            f"agentapi+http://127.0.0.1:{http_port}/{{containerId}}",
            "--config",
            str(_config(folder)),
        ),
    ]
    with (
        launched("http-agent", http_agent, folder) as agent,
        launched("gateway", gateway, folder, 30.0) as up,
    ):
        agent.wait_ready(_READY_S)
        url, _ = up.wait_ready(_READY_S)
        asyncio.run(Demonstration(url, broken, posted, work).run())


def _config(folder: Path) -> Path:
    """Less patience than usual, so that nobody waits for the demonstration."""
    config = folder / "lumilink.toml"
    config.write_text(
        "reconnect_first_delay_s = 0.2\n"
        "reconnect_max_delay_s = 0.4\n"
        "reconnect_attempts = 2\n"
        "dashboard = false\n"
    )
    return config


if __name__ == "__main__":
    main()
