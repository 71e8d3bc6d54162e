"""What one client is shown: everything, once, in order, and never more at a time than it can take."""

import sys
from typing import cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from session_world import FakeChannel

from actors import errors
from actors.connection import attachment as attachment_module
from actors.connection import history as history_module
from actors.connection.attachment import MAX_PRIVATE, WINDOW_BYTES, WINDOW_FRAMES, Attachment
from actors.connection.events import Event, EventKind
from actors.connection.history import History
from actors.link.channel import Channel


def viewer(channel: FakeChannel | None = None, ended: list[Attachment] | None = None) -> Attachment:
    note = (lambda _: None) if ended is None else ended.append
    return Attachment(cast("Channel", channel or FakeChannel()), 1, "client", note)


def channel_of(attachment: Attachment) -> FakeChannel:
    return cast("FakeChannel", attachment.channel)


def publish(
    history: History, to: Attachment, message: bytes = b"x", kind: EventKind = EventKind.UPDATE, **more
):
    event = Event(history.last_seq + 1, kind, message, **more)
    due = history.append(event)
    to.offer(event)
    if due:
        history.trim(to.position)


def shown(attachment: Attachment) -> list[bytes]:
    return [cast("bytes", frame[3]) for frame in channel_of(attachment).frames if frame[0] != "close"]


def test_a_live_view_is_shown_an_event_at_once():
    history, view = History(1000), viewer()
    view.start(history, 0)
    publish(history, view, b"one")

    assert shown(view) == [b"one"]
    assert view.position == 1


def test_a_prompt_is_shown_to_all_but_who_said_it():
    history, view, other = History(1000), viewer(), viewer()
    for one in (view, other):
        one.start(history, 0)
    event = Event(1, EventKind.PROMPT, b"hello", concerns=view.number)
    history.append(event)
    for one in (view, other):
        one.offer(event)

    assert shown(view) == []
    assert shown(other) == [b"hello"]
    assert view.position == 1


def test_an_answer_is_for_its_asker_alone():
    history, view, other = History(1000), viewer(), viewer()
    event = Event(1, EventKind.ANSWER, b"done", view.number, b"7")
    history.append(event)
    for one in (view, other):
        one.start(history, 0)

    assert channel_of(view).frames == [("answer", 1, b"7", b"done")]
    assert shown(other) == []


def test_questions_of_the_past_are_not_replayed():
    history, view = History(1000), viewer()
    history.append(Event(1, EventKind.QUESTION, b"old"))
    view.start(history, 0)
    publish(history, view, b"new", EventKind.QUESTION)
    publish(history, view, b"for another", EventKind.QUESTION, concerns=view.number + 1)

    assert shown(view) == [b"new"]


def test_a_view_that_ran_out_of_frames_waits_for_credit():
    history, view = History(10**6), viewer()
    view.start(history, 0)
    for _ in range(WINDOW_FRAMES + 5):
        publish(history, view)
    assert len(shown(view)) == WINDOW_FRAMES
    assert view.is_lagging
    view.grant(3, 3)
    view.catch_up(history)
    assert len(shown(view)) == WINDOW_FRAMES + 3
    view.grant(100, 100)
    view.catch_up(history)

    assert len(shown(view)) == WINDOW_FRAMES + 5
    assert not view.is_lagging


def test_a_window_counts_bytes_too():
    history, view = History(10**7), viewer()
    view.start(history, 0)
    for _ in range(3):
        publish(history, view, b"x" * WINDOW_BYTES)

    assert len(shown(view)) == 1, "one message may be larger than the window, the next one waits"


def test_a_congested_link_makes_its_views_fall_behind_and_their_answers_wait():
    history, view = History(1000), viewer()
    view.start(history, 0)
    channel_of(view).congested = True
    publish(history, view, b"one")
    view.say(b"1", b"answer", history.last_seq)
    assert shown(view) == []
    channel_of(view).congested = False
    view.catch_up(history)

    assert shown(view) == [b"one", b"answer"]


def test_answers_wait_for_what_came_before_them():
    history, view = History(10**6), viewer()
    view.start(history, 0)
    for _ in range(WINDOW_FRAMES + 2):
        publish(history, view, b"event")
    view.say(b"1", b"answer", history.last_seq)
    publish(history, view, b"after")
    view.grant(WINDOW_FRAMES, WINDOW_BYTES)
    view.catch_up(history)

    assert shown(view)[-4:] == [b"event", b"event", b"answer", b"after"]


def test_a_client_that_only_asks_and_never_reads_is_cut_off_too():
    ended: list[Attachment] = []
    history, view = History(1000), viewer(ended=ended)
    view.start(history, 0)
    for _ in range(WINDOW_FRAMES + MAX_PRIVATE + 1):
        view.say(b"1", b"refused", 0)

    assert ended == [view]
    assert view.gone
    frames = channel_of(view).frames
    assert len(frames) == WINDOW_FRAMES + 1
    assert frames[-1][0] == "close"
    assert isinstance(frames[-1][3], errors.SlowConsumerError)


def test_what_opens_or_closes_a_view_waits_for_nothing():
    history, view = History(1000), viewer()
    view.start(history, 0)
    channel_of(view).congested = True
    publish(history, view)
    view.say_now(b"1", b"closed")

    assert shown(view) == [b"closed"]


def test_a_view_that_ended_shows_nothing_more_and_ends_once():
    ended: list[Attachment] = []
    history, view = History(1000), viewer(ended=ended)
    view.start(history, 0)
    view.end(errors.SessionClosedError("over"))
    view.end(errors.SessionClosedError("over again"))
    publish(history, view)
    view.say(b"1", b"x", 1)
    view.say_now(b"1", b"x")
    view.grant(10, 10)
    view.catch_up(history)

    assert [frame[0] for frame in channel_of(view).frames] == ["close"]
    assert ended == [view]


def test_a_client_that_left_is_not_told_that_it_left():
    ended: list[Attachment] = []
    history, view = History(1000), viewer(ended=ended)
    view.start(history, 0)
    view.leave()
    publish(history, view)
    view.end(errors.SessionClosedError("over"))

    assert channel_of(view).frames == []
    assert ended == []


def test_a_client_that_fell_behind_what_is_kept_is_told_and_shown_no_gap(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(history_module, "LAG_BYTES", 100)
    history, view = History(100), viewer()
    view.start(history, 0)
    channel_of(view).congested = True
    for _ in range(3):
        publish(history, view, b"x" * 60)
    channel_of(view).congested = False
    view.catch_up(history)

    assert shown(view) == []
    assert isinstance(channel_of(view).frames[-1][3], errors.SlowConsumerError)


def test_a_view_may_start_behind_what_is_kept():
    history, view = History(100), viewer()
    for number in range(5):
        history.append(Event(number + 1, EventKind.UPDATE, b"x" * 60))
    history.trim(5)
    view.start(history, 0)

    assert shown(view) == [b"x" * 60]
    assert not view.gone


def test_a_stalled_view_keeps_no_event():
    history, view = History(10**6), viewer()
    view.start(history, 0)
    channel_of(view).congested = True
    for _ in range(1000):
        publish(history, view, b"y" * 100)
    held = sum(sys.getsizeof(getattr(view, name)) for name in ("_private", "position", "_frames", "_size"))

    assert held < 2000
    assert view.statistics(history).behind == 1000


class OneClient(RuleBasedStateMachine):
    """Events, private messages and credits in any order, against the list of what is to be seen."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(attachment_module, "WINDOW_FRAMES", 4)
        self._patch.setattr(attachment_module, "WINDOW_BYTES", 40)
        self._patch.setattr(attachment_module, "MAX_PRIVATE", 6)
        self._patch.setattr(history_module, "LAG_BYTES", 160)
        self.history = History(80)
        self.view = viewer()
        self.expected: list[bytes] = []
        self.private_waiting = 0
        self.taken = 0
        self.numbers = 0
        self.view.start(self.history, 0)

    def teardown(self) -> None:
        self._patch.undo()

    @property
    def seen(self) -> list[bytes]:
        return shown(self.view)

    def words(self, size: int) -> bytes:
        self.numbers += 1
        return f"{self.numbers}:".encode() + b"." * size

    @rule(
        size=st.integers(0, 50),
        kind=st.sampled_from(["update", "mine", "theirs", "answer", "other", "asked"]),
    )
    def happens(self, size: int, kind: str) -> None:
        mine, words = self.view.number, self.words(size)
        seq = self.history.last_seq + 1
        event, is_shown = {
            "update": (Event(seq, EventKind.UPDATE, words), True),
            "mine": (Event(seq, EventKind.PROMPT, words, mine), False),
            "theirs": (Event(seq, EventKind.PROMPT, words, mine + 1), True),
            "answer": (Event(seq, EventKind.ANSWER, words, mine, b"1"), True),
            "other": (Event(seq, EventKind.ANSWER, words, mine + 1, b"1"), False),
            "asked": (Event(seq, EventKind.QUESTION, words), True),
        }[kind]
        due = self.history.append(event)
        self.view.offer(event)
        if due:
            self.history.trim(self.view.position)
        if is_shown:
            self.expected.append(words)

    @rule(size=st.integers(0, 10))
    def is_told(self, size: int) -> None:
        words = self.words(size)
        self.expected.append(words)
        self.view.say(b"1", words, self.history.last_seq)

    @precondition(lambda self: self.taken < len(self.seen))
    @rule(count=st.integers(1, 5))
    def client_takes(self, count: int) -> None:
        taken = self.seen[self.taken : self.taken + count]
        self.taken += len(taken)
        self.view.grant(len(taken), sum(map(len, taken)))
        if self.view.is_lagging:
            self.view.catch_up(self.history)

    @rule()
    def link_is_congested_for_a_while(self) -> None:
        channel_of(self.view).congested = not channel_of(self.view).congested
        if not channel_of(self.view).congested and self.view.is_lagging:
            self.view.catch_up(self.history)

    @invariant()
    def what_is_seen_is_what_happened_in_its_order(self) -> None:
        assert self.seen == self.expected[: len(self.seen)]

    @invariant()
    def no_more_is_on_its_way_than_the_window_takes(self) -> None:
        on_its_way = self.seen[self.taken :]
        assert len(on_its_way) <= 4
        assert sum(map(len, on_its_way[:-1])) < 40

    @invariant()
    def what_it_keeps_is_bounded(self) -> None:
        assert len(self.view._private) <= 6

    @invariant()
    def a_live_view_has_seen_everything(self) -> None:
        if not self.view.is_lagging:
            assert self.seen == self.expected

    @invariant()
    def a_view_ends_only_if_it_fell_too_far_behind(self) -> None:
        if self.view.gone:
            closes = [frame for frame in channel_of(self.view).frames if frame[0] == "close"]
            assert len(closes) == 1
            assert isinstance(closes[0][3], errors.SlowConsumerError)

    @invariant()
    def a_client_that_takes_everything_gets_everything(self) -> None:
        """Nothing is stuck: with nothing on its way and a free link there is nothing left to show."""
        idle = self.taken == len(self.seen) and not channel_of(self.view).congested
        if idle and not self.view.gone:
            assert self.seen == self.expected


TestOneClient = OneClient.TestCase
TestOneClient.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
