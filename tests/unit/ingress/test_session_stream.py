"""However often and wherever a stream is cut, its client hears everything once and in order."""

from typing import cast

from http_client import events_of
from hypothesis import given, settings
from hypothesis import strategies as st
from replica_world import SESSION

from actors.link.channel import Channel
from actors.link.greeting import Greeting
from serve.ingress.event_stream import on_one_line
from serve.ingress.resume_tokens import Position
from serve.ingress.session_stream import KEPT_ANSWERS, KEPT_BYTES, SessionStream
from serve.ingress.views import Opening, Rewinding, SessionView, ViewOwner


class _Channel:
    """A link on which nobody waits for credit."""

    def send_credit(self, stream: int, frames: int, size: int) -> None:
        pass


def view_of(method: str = "session/load", after_seq: int = 0) -> SessionView:
    greeting = Greeting(method, b"{}", "conn_1", "default", after_seq=after_seq)
    opening = Opening(b"1", SESSION, greeting)
    owner, channel = cast("ViewOwner", None), cast("Channel", _Channel())
    return SessionView(owner, SESSION, opening, channel, "life", 1)


def sign(position: Position) -> bytes:
    return b"%d.%d" % position


def position_of(last_id: str) -> Position:
    return Position(*map(int, last_id.split(".")))


class Worker:
    """What happens in a session, as a worker shows it: events, of which some are not shown, and answers."""

    def __init__(self) -> None:
        self.stream = SessionStream(sign, self.rewind)
        self.view = view_of()
        self.log: list[tuple[str, int]] = []
        self.rewinds: list[int] = []
        self._seq = 0
        self._next = 0
        self._said: set[int] = set()
        self._catches_up_at: int | None = None

    @property
    def expected(self) -> list[str]:
        return [f"{kind} {number}" for kind, number in self.log if kind != "hidden"]

    def happens(self, kind: str) -> None:
        if kind != "answer":
            self._seq += 1
        self.log.append((kind, len(self.log) if kind == "answer" else self._seq))

    def shows(self, count: int) -> None:
        """The next so many things reach the replica."""
        for kind, number in self.log[self._next : self._next + count]:
            if kind == "event":
                self.view.cursor = number
                self.stream.put(b"event %d" % number, self.view, number)
            elif kind == "answer" and number not in self._said:
                self._said.add(number)
                self.stream.put_answer(b"answer %d" % number, self.view)
            self._next += 1
            if self._next == self._catches_up_at:
                self._catches_up_at = None
                self.stream.caught_up()

    def opens(self) -> None:
        self.stream.opened(self.view)
        self.view.opening = None

    def rewind(self, view: SessionView, after_seq: int, rewinding: Rewinding) -> None:
        assert view is self.view
        view.cursor = after_seq
        self.rewinds.append(after_seq)
        seqs = [number if kind != "answer" else 0 for kind, number in self.log]
        self._catches_up_at = max(self._next, self._catches_up_at or 0)
        self._next = seqs.index(after_seq) + 1 if after_seq else 0
        if self._next == self._catches_up_at:
            self._catches_up_at = None
            self.stream.caught_up()


class Client:
    """Reads a stream, and loses some of it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._last_id = "0.0"
        self.heard: list[str] = []

    def reads(self, at_most: int = 10_000) -> None:
        """Take what waits. If not all of it arrives, the connection is lost and another one begun."""
        chunk = events_of(self._worker.stream._take())
        for last_id, data in chunk[:at_most]:
            self._last_id = last_id or self._last_id
            self.heard.append(data)
        if at_most < len(chunk):
            self.comes_back()

    def comes_back(self) -> None:
        self._worker.stream.go_on_after(position_of(self._last_id), self._worker.view)


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["event", "event", "answer", "hidden"]), st.just(0)),
        st.tuples(st.just("shows"), st.integers(1, 8)),
        st.tuples(st.just("reads"), st.integers(0, 6)),
        st.tuples(st.sampled_from(["comes back", "opens"]), st.just(0)),
    ),
    max_size=60,
)


@given(steps=steps)
@settings(max_examples=400)
def test_cuts_lose_nothing_double_nothing_and_change_no_order(steps: list[tuple[str, int]]):
    worker = Worker()
    client = Client(worker)
    for step, count in steps:
        if step == "shows":
            worker.shows(count)
        elif step == "reads":
            client.reads(count)
        elif step == "comes back":
            client.comes_back()
        elif step != "opens":
            worker.happens(step)
        elif worker.view.opening is not None:
            worker.opens()
    if worker.view.opening is not None:
        worker.shows(10_000)
        worker.opens()
    for _ in range(2):
        worker.shows(10_000)
        client.reads()
    assert client.heard == worker.expected


def opened_worker(*kinds: str) -> Worker:
    worker = Worker()
    for kind in kinds:
        worker.happens(kind)
    worker.shows(100)
    worker.opens()
    return worker


def test_nothing_is_asked_of_the_worker_while_nothing_is_lost():
    worker = opened_worker("event", "answer", "event")
    client = Client(worker)
    client.comes_back()
    client.reads()
    client.comes_back()
    worker.happens("event")
    worker.shows(1)
    client.reads()
    assert worker.rewinds == []
    assert client.heard == worker.expected


def test_events_and_answers_have_ids_and_other_messages_have_none():
    worker = opened_worker("event", "answer")
    worker.stream.put(b"notice", worker.view, 0)
    assert events_of(worker.stream._take()) == [("1.0", "event 1"), ("1.1", "answer 1"), (None, "notice")]


def test_a_resumed_view_goes_back_to_where_the_client_was():
    worker = Worker()
    for _ in range(4):
        worker.happens("event")
    worker._next = 4
    worker.view = view_of("session/resume")
    worker.stream.go_on_after(Position(2), worker.view)
    assert worker.rewinds == [], "it is not open yet"
    worker.opens()
    worker.shows(4)
    assert worker.rewinds == [2]
    assert [data for _, data in events_of(worker.stream._take())] == ["event 3", "event 4"]


def test_a_view_that_begins_earlier_leaves_out_what_the_client_has():
    worker = Worker()
    for kind in ("event", "event", "answer", "event", "event"):
        worker.happens(kind)
    worker.shows(2)
    worker.stream.go_on_after(Position(3), worker.view)
    worker.shows(10)
    worker.opens()
    assert worker.rewinds == []
    assert [data for _, data in events_of(worker.stream._take())] == ["answer 2", "event 4"]


def test_answers_that_a_view_left_behind_are_said_in_the_next_one():
    worker = opened_worker("event", "answer")
    worker.stream._take()
    worker.stream.go_on_after(Position(0), worker.view)
    worker.view = view_of("_lumilink/session/attach", after_seq=1)
    worker.stream.put(b"event 2", worker.view, 2)
    assert [data for _, data in events_of(worker.stream._take())] == ["answer 1", "event 2"]


def test_what_waits_from_an_earlier_view_says_nothing_of_where_the_next_one_is():
    worker = opened_worker("event", "event")
    worker.view = view_of()
    worker.opens()
    assert len(events_of(worker.stream._take())) == 2
    worker.stream.go_on_after(Position(0), worker.view)
    assert worker.rewinds == []


def test_a_stream_without_a_view_shows_nothing_that_will_be_shown_again():
    worker = opened_worker("event", "event", "answer", "event")
    worker.stream.go_on_after(Position(1), None)
    assert [data for _, data in events_of(worker.stream._take())] == ["answer 2"]


def test_the_answers_that_are_kept_are_bounded():
    worker = opened_worker()
    for number in range(2 * KEPT_ANSWERS):
        worker.stream.put_answer(b"%d" % number, worker.view)
    worker.stream._take()
    assert len(worker.stream._kept) == KEPT_ANSWERS
    worker.stream.put_answer(b"x" * KEPT_BYTES, worker.view)
    worker.stream._take()
    assert [len(answer.text) for answer in worker.stream._kept] == [KEPT_BYTES]


def test_a_client_is_told_before_it_is_shown_everything_anew():
    worker = opened_worker("event")
    worker.stream._take()
    worker.stream.go_on_after(Position(0), worker.view)
    worker.stream.put(b"reset", worker.view, 0)
    worker.shows(1)
    assert events_of(worker.stream._take()) == [(None, "reset"), ("1.0", "event 1")]


def test_an_event_is_one_line_of_data():
    assert on_one_line(b'{"a":\r\n 1}') == b'{"a":   1}'
    worker = opened_worker()
    worker.stream.put(b'{\n"a": 1}', worker.view, 5)
    assert events_of(worker.stream._take()) == [("5.0", '{ "a": 1}')]
