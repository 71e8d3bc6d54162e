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
from actors.connection.attachment import MAX_PRIVATE, WINDOW_BYTES, WINDOW_FRAMES, Attachment
from actors.connection.events import NOBODY, Event, EventKind, all_but
from actors.connection.history import History
from actors.link.channel import Channel

ME, ANOTHER = "client-1", "client-2"


def viewer(client: str = ME, ended: list[Attachment] | None = None) -> Attachment:
    note = (lambda _: None) if ended is None else ended.append
    return Attachment(cast("Channel", FakeChannel()), 1, client, note)


def begin(view: Attachment, history: History, after: int = 0, *, asked_from: int | None = None) -> None:
    """Start a view as a session does: what was asked before it came is left out, unless told otherwise."""
    view.start(after, history.last_seq + 1 if asked_from is None else asked_from)
    view.catch_up(history)


def channel_of(attachment: Attachment) -> FakeChannel:
    return cast("FakeChannel", attachment.channel)


def publish(
    history: History,
    to: Attachment,
    message: bytes = b"x",
    kind: EventKind = EventKind.UPDATE,
    concerns: str = "",
) -> None:
    event = Event(history.last_seq + 1, kind, message, concerns)
    history.extend([event])
    to.offer([event])


def shown(attachment: Attachment) -> list[bytes]:
    return [cast("bytes", frame[3]) for frame in channel_of(attachment).frames if frame[0] != "close"]


def test_an_event_read_before_its_commit_was_told_is_shown_once_and_the_view_is_live():
    history, view = History(1000, 1), viewer()
    view.start(0, 2)
    view.say(b"7", b"answer", 2)
    view.show([Event(1, EventKind.UPDATE, b"one"), Event(2, EventKind.UPDATE, b"two")])
    assert view.catch_up(history)
    publish(history, view, b"two")
    publish(history, view, b"three")

    assert shown(view) == [b"one", b"two", b"answer", b"three"]
    assert not view.is_lagging


def test_a_live_view_is_shown_an_event_at_once():
    history, view = History(1000), viewer()
    begin(view, history)
    publish(history, view, b"one")

    assert shown(view) == [b"one"]
    assert view.position == 1


def test_a_prompt_is_shown_to_all_but_who_said_it():
    history, view, other = History(1000), viewer(), viewer(ANOTHER)
    for one in (view, other):
        begin(one, history)
    event = Event(1, EventKind.PROMPT, b"hello", concerns=ME)
    history.extend([event])
    for one in (view, other):
        one.offer([event])

    assert shown(view) == []
    assert shown(other) == [b"hello"]
    assert view.position == 1


def test_an_answer_bears_the_id_of_its_request_and_an_event_its_place():
    history, view = History(1000), viewer()
    begin(view, history)
    publish(history, view, b"one")
    view.say(b"7", b"done", history.last_seq)

    assert channel_of(view).frames == [("data", 1, b"", b"one"), ("answer", 1, b"7", b"done")]
    assert channel_of(view).cursor == 1


@pytest.mark.parametrize("kind", [EventKind.QUESTION, EventKind.DECISION])
def test_questions_and_decisions_of_the_past_are_not_replayed(kind: EventKind):
    history, view = History(1000), viewer()
    history.extend([Event(1, kind, b"old")])
    begin(view, history)
    publish(history, view, b"new", kind)

    assert shown(view) == [b"new"]


@pytest.mark.parametrize("kind", [EventKind.QUESTION, EventKind.DECISION])
def test_a_view_that_comes_again_is_told_what_was_asked_while_it_was_away(kind: EventKind):
    history, view = History(1000), viewer()
    history.extend([Event(1, kind, b"seen")])
    history.extend([Event(2, kind, b"missed")])
    begin(view, history, 1, asked_from=2)

    assert shown(view) == [b"missed"]


def test_a_question_is_asked_of_whom_it_concerns():
    history, view = History(1000), viewer()
    begin(view, history)
    publish(history, view, b"for all", EventKind.QUESTION)
    publish(history, view, b"for me", EventKind.QUESTION, ME)
    publish(history, view, b"for another", EventKind.QUESTION, ANOTHER)
    publish(history, view, b"for nobody", EventKind.QUESTION, NOBODY)

    assert shown(view) == [b"for all", b"for me"]


def test_a_decision_is_told_to_those_who_were_asked_and_did_not_make_it():
    history, view = History(1000), viewer()
    begin(view, history)
    publish(history, view, b"I made it", EventKind.DECISION, all_but(ME))
    publish(history, view, b"another made it", EventKind.DECISION, all_but(ANOTHER))
    publish(history, view, b"another was asked", EventKind.DECISION, ANOTHER)
    publish(history, view, b"I was asked", EventKind.DECISION, ME)
    publish(history, view, b"all were asked", EventKind.DECISION)
    publish(history, view, b"no news for anyone", EventKind.DECISION, NOBODY)

    assert shown(view) == [b"another made it", b"I was asked", b"all were asked"]


def test_notices_are_shown_and_what_only_the_journal_needs_is_not():
    history, view = History(1000), viewer()
    begin(view, history)
    for kind in (EventKind.ACTIVATED, EventKind.TURN_STARTED, EventKind.NOTICE, EventKind.TURN_ENDED):
        publish(history, view, kind.value.encode(), kind)

    assert shown(view) == [b"notice"]
    assert view.position == 4


def test_a_view_that_ran_out_of_frames_waits_for_credit():
    history, view = History(10**6), viewer()
    begin(view, history)
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
    begin(view, history)
    for _ in range(3):
        publish(history, view, b"x" * WINDOW_BYTES)

    assert len(shown(view)) == 1, "one message may be larger than the window, the next one waits"


def test_a_congested_link_makes_its_views_fall_behind_and_their_answers_wait():
    history, view = History(1000), viewer()
    begin(view, history)
    channel_of(view).congested = True
    publish(history, view, b"one")
    view.say(b"1", b"answer", history.last_seq)
    assert shown(view) == []
    channel_of(view).congested = False
    view.catch_up(history)

    assert shown(view) == [b"one", b"answer"]


def test_answers_wait_for_what_came_before_them():
    history, view = History(10**6), viewer()
    begin(view, history)
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
    begin(view, history)
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
    begin(view, history)
    channel_of(view).congested = True
    publish(history, view)
    view.say_now(b"1", b"closed")

    assert shown(view) == [b"closed"]


def test_a_view_that_ended_shows_nothing_more_and_ends_once():
    ended: list[Attachment] = []
    history, view = History(1000), viewer(ended=ended)
    begin(view, history)
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
    begin(view, history)
    view.leave()
    publish(history, view)
    view.end(errors.SessionClosedError("over"))

    assert channel_of(view).frames == []
    assert ended == []


def test_a_client_that_fell_behind_what_is_in_memory_is_shown_no_gap_and_reads_on_from_the_journal():
    history, view = History(100), viewer()
    begin(view, history)
    channel_of(view).congested = True
    for number in range(3):
        publish(history, view, b"%d" % number * 60)
    channel_of(view).congested = False
    assert view.catch_up(history) is False
    assert shown(view) == []
    assert view.has_room
    view.show([Event(1, EventKind.UPDATE, b"0" * 60), Event(2, EventKind.UPDATE, b"1" * 60)])

    assert view.catch_up(history) is True
    assert shown(view) == [b"%d" % number * 60 for number in range(3)]
    assert not view.gone


def test_a_view_may_start_behind_what_is_in_memory():
    history, view = History(100), viewer()
    for number in range(5):
        history.extend([Event(number + 1, EventKind.UPDATE, b"x" * 60)])
    view.start(0, 6)

    assert view.catch_up(history) is False
    assert shown(view) == []
    assert not view.gone


def test_what_is_read_back_stops_where_the_window_ends():
    history, view = History(100), viewer()
    history.extend([Event(1, EventKind.UPDATE, b"x" * WINDOW_BYTES)])
    history.extend([Event(2, EventKind.UPDATE, b"y")])
    view.start(0, 3)
    view.show([Event(1, EventKind.UPDATE, b"x" * WINDOW_BYTES), Event(2, EventKind.UPDATE, b"y")])

    assert view.position == 1
    assert not view.has_room


def test_a_stalled_view_keeps_no_event():
    history, view = History(10**6), viewer()
    begin(view, history)
    channel_of(view).congested = True
    for _ in range(1000):
        publish(history, view, b"y" * 100)
    held = sum(sys.getsizeof(getattr(view, name)) for name in ("_private", "position", "_frames", "_size"))

    assert held < 2000
    assert history.last_seq - view.position == 1000


class OneClient(RuleBasedStateMachine):
    """Events, private messages and credits in any order, against the list of what is to be seen."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(attachment_module, "WINDOW_FRAMES", 4)
        self._patch.setattr(attachment_module, "WINDOW_BYTES", 40)
        self._patch.setattr(attachment_module, "MAX_PRIVATE", 6)
        self.history = History(80)
        self.journal: list[Event] = []
        self.view = viewer()
        self.expected: list[bytes] = []
        self.told = 0
        self.taken = 0
        self.numbers = 0
        begin(self.view, self.history)

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
        what=st.sampled_from(
            [
                (EventKind.UPDATE, "", True),
                (EventKind.PROMPT, ME, False),
                (EventKind.PROMPT, ANOTHER, True),
                (EventKind.QUESTION, "", True),
                (EventKind.QUESTION, ANOTHER, False),
                (EventKind.QUESTION, NOBODY, False),
                (EventKind.DECISION, all_but(ME), False),
                (EventKind.DECISION, all_but(ANOTHER), True),
                (EventKind.DECISION, NOBODY, False),
                (EventKind.TURN_ENDED, ME, False),
                (EventKind.NOTICE, "", True),
            ]
        ),
    )
    def happens(self, size: int, what: tuple[EventKind, str, bool]) -> None:
        kind, concerns, is_shown = what
        words = self.words(size)
        event = Event(self.history.last_seq + 1, kind, words, concerns)
        self.history.extend([event])
        self.journal.append(event)
        self.view.offer([event])
        if is_shown:
            self.expected.append(words)

    @rule(size=st.integers(0, 10))
    def is_told(self, size: int) -> None:
        words = self.words(size)
        self.expected.append(words)
        self.told += 1
        self.view.say(b"1", words, self.history.last_seq)

    @precondition(lambda self: self.taken < len(self.seen))
    @rule(count=st.integers(1, 5))
    def client_takes(self, count: int) -> None:
        taken = self.seen[self.taken : self.taken + count]
        self.taken += len(taken)
        self.view.grant(len(taken), sum(map(len, taken)))
        if self.view.is_lagging:
            self.read_on()

    def read_on(self) -> None:
        """From the journal, three events a page, until the history has what follows."""
        while self.view.has_room and not self.view.catch_up(self.history):
            self.view.show(self.journal[self.view.position : self.view.position + 3])

    @rule()
    def link_is_congested_for_a_while(self) -> None:
        channel_of(self.view).congested = not channel_of(self.view).congested
        if not channel_of(self.view).congested and self.view.is_lagging:
            self.read_on()

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
    def a_view_ends_only_if_too_many_private_messages_wait(self) -> None:
        if self.view.gone:
            closes = [frame for frame in channel_of(self.view).frames if frame[0] == "close"]
            assert len(closes) == 1
            assert isinstance(closes[0][3], errors.SlowConsumerError)
            assert self.told > 6

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
