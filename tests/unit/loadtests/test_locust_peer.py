"""What the load's ACP clients tell Locust of what they ask and of what comes."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from loadtests.locust.peer import AcpPeer, Asked, FailedError, Place
from loadtests.wire import Orders


class Peer(AcpPeer):
    """It is connected to nothing: what it sends is kept, what comes is put in by the test."""

    via = "test"

    def __init__(self, *expected: str) -> None:
        self.sent: list[Any] = []
        self.told: list[tuple[str, str]] = []
        super().__init__(Place("http://127.0.0.1:1"), self.note, frozenset(expected))

    def note(self, via: str, name: str, took_ms: float, length: int, error: FailedError | None) -> None:
        assert via == "test"
        assert took_ms >= 0
        self.told.append((name, str(error) if error else ""))

    def send(self, payload: bytes, method: str) -> None:
        self.sent.append(msgspec.json.decode(payload))

    def gets(self, **message: Any) -> None:
        self.take(msgspec.json.encode({"jsonrpc": "2.0", **message}))

    def gets_update(self, seq: int, number: int, sent_ns: int | None = None) -> None:
        stamp = f"@~{time.monotonic_ns() if sent_ns is None else sent_ns:019d},{number:010d};"
        update = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": stamp}}
        meta = {"lumilink": {"seq": seq}}
        self.gets(method="session/update", params={"sessionId": "s", "update": update, "_meta": meta})

    def open(self) -> None: ...
    def hang_up(self) -> None: ...
    def come_back(self) -> None: ...
    def leave(self) -> None: ...
    def rejoin(self, turn: Asked, prompt_id: str, orders: Orders) -> Asked:
        return turn


def refusal(code: str) -> dict[str, Any]:
    return {"code": -32000, "message": "no", "data": {"code": code}}


def test_a_request_is_an_event_with_its_answer() -> None:
    peer = Peer()
    asked = peer.start("session/new", {"cwd": "/"})
    peer.gets(id=1, result={"sessionId": "s"})
    assert peer.wait(asked, 0.0).id == 1
    assert peer.told == [("session/new", "")]


def test_a_refused_request_fails_with_the_error_s_code() -> None:
    peer = Peer()
    asked = peer.start("session/new", {})
    peer.gets(id=1, error=refusal("quota-exceeded"))
    with pytest.raises(FailedError, match="quota-exceeded"):
        peer.wait(asked, 0.0)
    assert peer.told == [("session/new", "quota-exceeded")]


def test_an_error_without_a_code_of_ours_fails_with_its_number() -> None:
    peer = Peer()
    peer.start("session/new", {})
    peer.gets(id=1, error={"code": -32601, "message": "no"})
    assert peer.told == [("session/new", "-32601")]


def test_an_expected_refusal_is_an_event_of_its_own_and_no_failure() -> None:
    peer = Peer("capacity-exhausted")
    peer.start("session/new", {})
    peer.gets(id=1, error=refusal("capacity-exhausted"))
    assert peer.told == [("session/new: first word", ""), ("session/new: capacity-exhausted", "")]


def test_a_place_in_the_queue_is_the_first_word_and_is_told_once() -> None:
    peer = Peer("capacity-exhausted")
    peer.start("session/new", {})
    for position in (2, 1):
        peer.gets(method="_lumilink/admission", params={"requestId": 1, "position": position})
    assert peer.told == [("session/new: first word", "")]
    peer.gets(id=1, error=refusal("capacity-exhausted"))
    assert peer.told[1:] == [("session/new: capacity-exhausted", "")]


def test_a_lost_connection_fails_all_that_was_asked_on_it() -> None:
    peer = Peer()
    asked = peer.start("session/prompt", {})
    peer.lose()
    with pytest.raises(FailedError, match="connection-lost"):
        peer.wait(asked, 0.0)
    assert peer.told == [("connection", "connection-lost"), ("session/prompt", "connection-lost")]


def test_a_request_that_cannot_be_sent_fails_once() -> None:
    class Unsendable(Peer):
        def send(self, payload: bytes, method: str) -> None:
            self.lose()
            raise FailedError("connection-lost")

    peer = Unsendable()
    with pytest.raises(FailedError, match="connection-lost"):
        peer.start("session/new", {})
    assert peer.told == [("connection", "connection-lost"), ("session/new", "connection-lost")]


def test_what_is_given_up_is_not_told() -> None:
    peer = Peer()
    peer.start("session/prompt", {})
    peer.give_up()
    peer.gets(id=1, result={})
    assert peer.told == []


def test_the_first_update_of_a_turn_is_timed_from_the_prompt() -> None:
    peer = Peer()
    peer.prompt("p", Orders(2))
    peer.gets_update(5, 0)
    peer.gets_update(6, 1)
    assert peer.told == [("update", ""), ("first update", ""), ("update", "")]


def test_an_update_that_was_sent_before_the_return_is_told_apart() -> None:
    peer = Peer()
    before = time.monotonic_ns()
    peer.returned()
    peer.gets_update(5, 0, before)
    peer.gets_update(6, 1)
    assert peer.told == [("update after return", ""), ("update", "")]


def test_flaws_of_updates_are_failures() -> None:
    peer = Peer()
    turn = peer.prompt("p", Orders(4))
    for seq, number in ((5, 0), (5, 0), (7, 2), (6, 1)):
        peer.gets_update(seq, number)
    peer.gets(id=1, result={"stopReason": "end_turn"})
    peer.ended(turn, 0.0)
    assert [told for told in peer.told if told[1]] == [
        ("update", "doubled"),
        ("update", "reordered"),
        ("update", "lost"),
    ]


def test_what_a_failed_turn_had_not_sent_is_not_lost() -> None:
    peer = Peer()
    turn = peer.prompt("p", Orders(5))
    peer.gets_update(5, 0)
    peer.gets(id=1, error=refusal("turn-interrupted"))
    with pytest.raises(FailedError):
        peer.ended(turn, 0.0)
    peer.forget_turn()
    turn = peer.prompt("q", Orders(1))
    peer.gets_update(9, 1)
    peer.gets(id=2, result={})
    peer.ended(turn, 0.0)
    assert ("update", "lost") not in peer.told


def test_a_permission_is_allowed_and_timed_until_the_agent_goes_on() -> None:
    peer = Peer()
    peer.prompt("p", Orders(1, asks=True))
    peer.gets(id="q1", method="session/request_permission", params={"sessionId": "s"})
    outcome = {"outcome": "selected", "optionId": "yes"}
    assert peer.sent[-1] == {"jsonrpc": "2.0", "id": "q1", "result": {"outcome": outcome}}
    assert peer.told == []
    peer.gets_update(6, 0)
    assert peer.told == [("update", ""), ("session/request_permission", "")]


def test_a_credential_is_shown_to_the_gateway_and_to_nobody_else() -> None:
    place = Place("http://127.0.0.1:1", "lk_secret")
    assert place.headers() == {"Authorization": "Bearer lk_secret"}
    assert "lk_secret" not in repr(place)
