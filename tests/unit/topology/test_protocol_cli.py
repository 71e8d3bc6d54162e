"""``lumilink protocol`` against an HTTP server that answers what a gateway answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner, Result

from topology.cli import main

POLICY = {"defaultProtocol": "acp", "share": 1.0, "migrationEnabled": False, "version": 4}
WORKSPACE = {"workspaceId": "a/b", "state": "acp", "version": 2}


class FakeGateway(BaseHTTPRequestHandler):
    """Answers by path; ``asked`` is what it was sent."""

    asked: list[tuple[str, str, str | None, object]] = []  # noqa: RUF012 - made anew by the fixture

    def do_GET(self) -> None:
        self._note()

    def do_PUT(self) -> None:
        self._note()

    def do_POST(self) -> None:
        self._note()

    def _note(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "null")
        self.asked.append((self.command, self.path, self.headers["If-Match"], body))
        encoded = json.dumps(POLICY if "installations" in self.path else WORKSPACE).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    FakeGateway.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeGateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["protocol", *arguments, "--url", url])


def test_it_shows_the_policy_or_a_workspace_whatever_that_is_called(url: str) -> None:
    assert json.loads(run(url, "show").output) == POLICY
    assert json.loads(run(url, "show", "--workspace", "a/b").output) == WORKSPACE

    assert [path for _, path, _, _ in FakeGateway.asked] == [
        "/api/v1/installations/default/protocol",
        "/api/v1/workspaces/a%2Fb/protocol",
    ]


def test_what_is_not_named_stays_as_it_is_and_the_version_that_was_read_goes_along(url: str) -> None:
    run(url, "set", "--migration", "--share", "0.1", "--phase", "automatic", "--dry-run")

    changed = POLICY | {"migrationEnabled": True, "share": 0.1, "phase": "automatic"}
    path = "/api/v1/installations/default/protocol?dryRun=true"
    assert FakeGateway.asked[1] == ("PUT", path, '"4"', changed)


def test_a_rollback_and_a_return_say_why_and_when(url: str) -> None:
    run(url, "rollback", "--workspace", "ws", "--reason", "slow")
    run(url, "return", "--workspace", "ws", "--at", "2030-01-31T08:00:00Z")

    assert [(path, body) for _, path, _, body in FakeGateway.asked] == [
        ("/api/v1/workspaces/ws/protocol/rollback", {"reason": "slow"}),
        ("/api/v1/workspaces/ws/protocol/return", {"reason": "", "at": "2030-01-31T08:00:00Z"}),
    ]


@pytest.mark.parametrize(
    "arguments", [["rollback"], ["set", "--share", "1.5"], ["set", "--default", "gopher"]]
)
def test_what_makes_no_sense_never_reaches_the_gateway(url: str, arguments: list[str]) -> None:
    assert run(url, *arguments).exit_code == 2
    assert FakeGateway.asked == []
