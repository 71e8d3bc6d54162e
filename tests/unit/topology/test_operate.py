"""The operator's commands against an HTTP server that answers what a gateway answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from actors.errors import GatewayUnreachableError, WorkerUnavailableError
from topology.cli import main
from topology.operate import Gateway, Return

WORKER = {
    "workerId": "worker-0",
    "state": "alive",
    "sessions": 3,
    "reserved": 0,
    "capacity": 1000,
    "rssBytes": 58_000_000,
    "pid": 41,
    "node": "127.0.0.1",
}
POOL = {
    "workers": 1,
    "maxWorkers": 4,
    "desired": 2,
    "members": [{"workerId": "worker-0", "state": "alive", "sessions": 3}],
}


class FakeGateway(BaseHTTPRequestHandler):
    """Answers by path; ``asked`` is what it was sent, ``pids`` the pid that each look at a worker finds."""

    asked: list[tuple[str, str, object]] = []  # noqa: RUF012 - made anew by the fixture
    pids: list[int] = []  # noqa: RUF012

    def do_GET(self) -> None:
        if self.path == "/api/v1/topology":
            pid = self.pids.pop(0) if self.pids else 41
            self._answer(
                200, {"workers": [WORKER | {"pid": pid}], "ingress": [{"replicaId": "r1", "pid": 42}]}
            )
        elif self.path == "/api/v1/pool":
            self._answer(200, POOL)

    def do_PUT(self) -> None:
        self._note()
        self._answer(202, POOL)

    def do_POST(self) -> None:
        self._note()
        if "worker-9" in self.path:
            problem = {"code": "worker-unavailable", "detail": "worker-9 does not answer", "retryAfter": 2.0}
            self._answer(503, problem)
        else:
            self._answer(202, {"state": "draining"})

    def _note(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append((self.command, self.path, json.loads(body)))

    def _answer(self, status: int, body: object) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    FakeGateway.asked, FakeGateway.pids = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeGateway) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_scale_says_what_is_wanted_and_what_there_is(url: str) -> None:
    ran = CliRunner().invoke(main, ["scale", "2", "--url", url])

    assert ran.exit_code == 0
    assert ran.output == "workers: 1 always, 4 at most, 2 now; 1 alive\n"
    assert FakeGateway.asked == [("PUT", "/api/v1/pool", {"workers": 2})]


@pytest.mark.parametrize("number", ["0", "65", "many"])
def test_a_number_that_no_pool_can_have_never_reaches_the_gateway(url: str, number: str) -> None:
    assert CliRunner().invoke(main, ["scale", number, "--url", url]).exit_code == 2
    assert FakeGateway.asked == []


def test_topology_holds_workers_replicas_and_the_pool(url: str) -> None:
    ran = CliRunner().invoke(main, ["topology", "--json", "--url", url])
    found = json.loads(ran.output)

    assert (found["workers"][0]["workerId"], found["ingress"][0]["replicaId"]) == ("worker-0", "r1")
    assert found["pool"] == POOL
    shown = CliRunner().invoke(main, ["topology", "--url", url])
    assert shown.exit_code == 0


def test_drain_takes_its_deadline_along(url: str) -> None:
    ran = CliRunner().invoke(main, ["drain", "worker-0", "--deadline", "5", "--url", url])

    assert ran.output == "worker-0 is draining\n"
    assert FakeGateway.asked == [("POST", "/api/v1/workers/worker-0/drain", {"deadlineS": 5.0})]


def test_what_the_gateway_refuses_is_told_with_what_to_do(url: str) -> None:
    ran = CliRunner().invoke(main, ["drain", "worker-9", "--url", url])

    assert ran.exit_code == 1
    assert ran.stderr.splitlines() == [
        "lumilink: worker-9 does not answer",
        WorkerUnavailableError.recovery,
    ]


def test_a_worker_is_back_when_another_process_of_it_reports(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topology.operate._POLL_S", 0.001)
    FakeGateway.pids = [41, 41, 41, 77]
    back = Return(Gateway(url), "worker-0")
    back.wait(5.0)

    assert FakeGateway.pids == []


def test_no_gateway_is_told_as_such() -> None:
    with pytest.raises(GatewayUnreachableError, match="no gateway answers"):
        Gateway("http://127.0.0.1:1/").topology()
