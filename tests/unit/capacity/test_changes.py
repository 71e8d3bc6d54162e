"""Who joins, drains and goes, and which session is loaded where, told from reports alone."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from actors.capacity.changes import HOLD_S, SessionChanges, WorkerChanges
from actors.capacity.ledger import WorkerReport
from actors.capacity.retries import WINDOW_S, Retries
from actors.capacity.roll import Owner
from actors.events.contract import LiveEvent

AT = 1_700_000_000_000
OURS = Owner("acme", "repo")


def holding(*sessions: str) -> dict[str, Owner]:
    return dict.fromkeys(sessions, OURS)


def told(events: list[LiveEvent]) -> list[tuple[str, str]]:
    return [(event.name, json.loads(event.data)["sessionId"]) for event in events]


def report(worker: str, life: int = 1, *, draining: bool = False) -> WorkerReport:
    return WorkerReport(worker, f"gw:{worker}:{life}", "127.0.0.1", 1, 7, "n", 10, 0, {}, [], draining)


def names(events: list[LiveEvent]) -> list[str]:
    return [event.name for event in events]


class TestSessions:
    def test_what_a_worker_holds_newly_was_opened(self):
        changes = SessionChanges()
        changes.report("a", {}, 0.0, AT)

        events = changes.report("a", holding("s1", "s2"), 1.0, AT)

        assert told(events) == [("session:opened", "s1"), ("session:opened", "s2")]
        assert {event.installation for event in events} == {"acme"}
        assert changes.report("a", holding("s1", "s2"), 2.0, AT) == []

    def test_what_a_worker_holds_when_it_is_first_heard_is_no_news(self):
        assert SessionChanges().report("a", holding("s1"), 0.0, AT) == []

    def test_what_leaves_one_worker_for_another_has_moved(self):
        changes = SessionChanges()
        changes.report("a", holding("s1"), 0.0, AT)
        changes.report("b", {}, 0.0, AT)
        changes.report("a", {}, 1.0, AT)

        [event] = changes.report("b", holding("s1"), 2.0, AT)

        assert told([event]) == [("session:moved", "s1")]
        assert json.loads(event.data)["fromWorkerId"] == "a"
        assert changes.settle(["a", "b"], 100.0, AT) == []

    def test_what_two_workers_report_for_a_moment_has_moved_and_is_not_unloaded(self):
        changes = SessionChanges()
        changes.report("a", holding("s1"), 0.0, AT)
        changes.report("b", {}, 0.0, AT)

        assert told(changes.report("b", holding("s1"), 1.0, AT)) == [("session:moved", "s1")]
        assert changes.report("a", {}, 2.0, AT) == []
        assert changes.settle(["a", "b"], 100.0, AT) == []

    def test_what_moves_back_and_forth_is_where_it_came_last(self):
        changes = SessionChanges()
        for worker in ("a", "b"):
            changes.report(worker, {}, 0.0, AT)
        changes.report("a", holding("s1"), 1.0, AT)
        changes.report("a", {}, 2.0, AT)
        changes.report("b", holding("s1"), 2.0, AT)
        changes.report("b", {}, 3.0, AT)

        [event] = changes.report("a", holding("s1"), 3.0, AT)

        assert told([event]) == [("session:moved", "s1")]
        assert json.loads(event.data)["workerId"] == "a"
        assert changes.settle(["a", "b"], 100.0, AT) == []

    def test_what_comes_back_at_once_was_never_away(self):
        changes = SessionChanges()
        changes.report("a", holding("s1"), 0.0, AT)
        changes.report("a", {}, 1.0, AT)

        assert changes.report("a", holding("s1"), 2.0, AT) == []
        assert changes.settle(["a"], 100.0, AT) == []

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.sets(st.sampled_from(["s1", "s2"]))), max_size=30))
    def test_a_reader_always_knows_where_a_session_is(self, reports: list[tuple[str, set[str]]]):
        changes, held = SessionChanges(), {worker: set[str]() for worker in "abc"}
        known: dict[str, str] = {}
        for worker in "abc":
            changes.report(worker, {}, 0.0, AT)
        for now, (worker, sessions) in enumerate(reports, 1):
            held[worker] = sessions
            events = changes.report(worker, holding(*sessions), float(now), AT)
            for event in [*events, *changes.settle("abc", float(now), AT)]:
                self.learn(known, event)
        for event in changes.settle("abc", 1000.0, AT):
            self.learn(known, event)

        assert known.keys() == set().union(*held.values())
        assert all(session in held[worker] for session, worker in known.items())

    @staticmethod
    def learn(known: dict[str, str], event: LiveEvent) -> None:
        data = json.loads(event.data)
        if event.name == "session:opened":
            assert data["sessionId"] not in known
            known[data["sessionId"]] = data["workerId"]
        elif event.name == "session:moved":
            assert known[data["sessionId"]] == data["fromWorkerId"]
            known[data["sessionId"]] = data["workerId"]
        else:
            del known[data["sessionId"]]

    def test_what_nobody_holds_for_a_while_is_unloaded(self):
        changes = SessionChanges()
        changes.report("a", holding("s1"), 0.0, AT)
        changes.report("a", {}, 1.0, AT)

        assert changes.settle(["a"], 1.0, AT) == []
        assert told(changes.settle(["a"], 1.0 + HOLD_S, AT)) == [("session:unloaded", "s1")]
        assert changes.settle(["a"], 100.0, AT) == []

    def test_what_a_dead_worker_held_moves_to_who_takes_it_up(self):
        changes = SessionChanges()
        changes.report("a", holding("s1", "s2"), 0.0, AT)
        changes.settle(["b"], 1.0, AT)

        assert told(changes.report("b", holding("s1"), 2.0, AT)) == [("session:moved", "s1")]
        assert told(changes.settle(["b"], 1.0 + HOLD_S, AT)) == [("session:unloaded", "s2")]


class TestWorkers:
    def test_a_worker_joins_once_a_life(self):
        changes = WorkerChanges("default")

        assert names(changes.report(report("a"), AT)) == ["worker:joined"]
        assert changes.report(report("a"), AT) == []
        assert names(changes.report(report("a", 2), AT)) == ["worker:lost", "worker:joined"]

    def test_a_worker_that_is_not_heard_any_more_is_lost(self):
        changes = WorkerChanges("default")
        changes.report(report("a"), AT)

        assert names(changes.settle([], AT)) == ["worker:lost"]
        assert changes.settle([], AT) == []

    def test_a_worker_that_was_only_silent_joins_again_under_another_id(self):
        changes = WorkerChanges("default")
        [first] = changes.report(report("a"), AT)
        changes.settle([], AT)

        [again] = changes.report(report("a"), AT)

        assert (again.name, again.id == first.id) == ("worker:joined", False)

    def test_a_worker_that_drained_has_left(self):
        changes = WorkerChanges("default")
        changes.report(report("a"), AT)

        assert names(changes.report(report("a", draining=True), AT)) == ["worker:draining"]
        assert changes.report(report("a", draining=True), AT) == []
        assert names(changes.settle([], AT)) == ["worker:left"]

    def test_who_tells_it_again_after_a_restart_tells_it_under_the_same_id(self):
        [first] = WorkerChanges("default").report(report("a"), AT)
        [again] = WorkerChanges("default").report(report("a"), AT + 5)
        [other] = WorkerChanges("default").report(report("a", 2), AT)

        assert first.id == again.id != other.id


class TestRetries:
    def test_only_the_last_minute_counts(self):
        retries = Retries()
        retries.note(5, 0.2)
        retries.note(7, 0.9)
        retries.note(1, 30.0)

        assert retries.count(59.0) == 13
        assert retries.count(61.0) == 1
        assert retries.count(30.0 + WINDOW_S) == 0

    def test_a_storm_takes_no_more_room_than_a_minute_has_seconds(self):
        retries = Retries()
        for second in range(1000):
            retries.note(1, float(second))

        assert retries.count(999.0) == WINDOW_S
        assert len(retries._steps) <= WINDOW_S + 1
