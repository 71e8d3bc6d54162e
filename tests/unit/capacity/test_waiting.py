"""The lines of those who wait: in the order of their coming, and no tenant before its turn."""

from actors.capacity.requests import Request
from actors.capacity.roll import Owner
from actors.capacity.waiting import LAPSE_S, WaitingLines


def request(session_id: str, installation: str = "a", waited_s: float = 0.0) -> Request:
    return Request(session_id, Owner(installation, "ws"), waited_s=waited_s)


def order(lines: WaitingLines) -> list[str]:
    return [waiter.request.session_id for waiter in lines.in_turn()]


def joined(*requests: Request) -> WaitingLines:
    lines = WaitingLines()
    for number, one in enumerate(requests):
        lines.join(one, number / 1000)
    return lines


def test_within_an_installation_whoever_came_first_is_first():
    assert order(joined(request("s1"), request("s2"), request("s3"))) == ["s1", "s2", "s3"]


def test_installations_take_turns_however_many_requests_one_of_them_has():
    many = [request(f"a{number}") for number in range(5)]
    lines = joined(*many, request("b0", "b"), request("c0", "c"), request("b1", "b"))

    assert order(lines) == ["a0", "b0", "c0", "a1", "b1", "a2", "a3", "a4"]


def test_an_installation_that_had_its_turn_is_behind_the_others():
    lines = joined(request("a0"), request("a1"), request("b0", "b"))
    lines.leave("a0")
    lines.had_turn("a")

    assert order(lines) == ["b0", "a1"]


def test_repeating_a_request_keeps_its_position():
    lines = joined(request("s1"), request("s2"))
    lines.join(request("s1", waited_s=0.5), 0.5)

    assert order(lines) == ["s1", "s2"]
    assert len(lines) == 2


def test_lines_made_anew_are_in_the_order_in_which_the_requests_came_first():
    lines = WaitingLines()
    for name, waited_s in (("second", 2.0), ("third", 1.0), ("first", 3.0)):
        lines.join(request(name, waited_s=waited_s), 10.0)

    assert order(lines) == ["first", "second", "third"]


def test_a_request_that_is_not_repeated_lapses():
    lines = joined(request("gone"), request("there"))
    lines.join(request("there"), LAPSE_S)

    assert [waiter.request.session_id for waiter in lines.lapsed(LAPSE_S + 0.1)] == ["gone"]


def test_nothing_is_remembered_of_installations_that_wait_no_more():
    lines = joined(*(request(f"s{number}", f"i{number}") for number in range(100)))
    for number in range(100):
        lines.leave(f"s{number}")
        lines.had_turn(f"i{number}")

    assert order(lines) == []
    assert lines._turns == {}
