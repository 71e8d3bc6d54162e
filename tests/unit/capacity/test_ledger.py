"""The books of capacity: never above a worker's room, never a place lost."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from actors import errors
from actors.capacity import ledger as ledger_module
from actors.capacity.ledger import RESERVATION_TTL_S, WORKER_SILENCE_S, Ledger, Place, WorkerReport

CAPACITY = 3


def report(
    worker: str = "w1",
    sessions: tuple[str, ...] = (),
    *,
    ended: tuple[str, ...] = (),
    pid: int = 1,
    capacity: int = CAPACITY,
) -> WorkerReport:
    return WorkerReport(
        worker, "127.0.0.1", 7000 + int(worker[1:]), pid, "n", capacity, 0, [*sessions], [*ended]
    )


def place(worker: str) -> Place:
    return Place(worker, "127.0.0.1", 7000 + int(worker[1:]))


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    ledger.report(report("w1"), 0.0)
    return ledger


def room(ledger: Ledger, now: float) -> int:
    """How many more sessions are taken in, tried on a throw-away name each and given back."""
    taken = []
    for number in range(1000):
        try:
            ledger.reserve("probe", f"probe-{number}", now)
        except errors.CapacityError:
            break
        taken.append(f"probe-{number}")
    for name in taken:
        ledger.release(name)
    return len(taken)


def test_without_a_worker_there_is_no_place():
    with pytest.raises(errors.WorkerUnavailableError):
        Ledger().reserve("ws", "s1", 0.0)


def test_a_place_is_where_the_worker_listens(ledger: Ledger):
    assert ledger.reserve("ws", "s1", 0.0) == place("w1")
    assert ledger.locate("s1") == place("w1")
    assert ledger.places() == [place("w1")]


def test_over_capacity_it_refuses_and_says_when_to_come_back(ledger: Ledger):
    for number in range(CAPACITY):
        ledger.reserve("ws", f"s{number}", 0.0)
    with pytest.raises(errors.CapacityError) as refused:
        ledger.reserve("ws", "one more", 0.0)

    assert refused.value.retry_after_s is not None
    assert f"{CAPACITY} places of 1 workers" in refused.value.detail
    with pytest.raises(errors.SessionNotFoundError):
        ledger.locate("one more")


def test_a_call_that_is_repeated_takes_one_place(ledger: Ledger):
    assert ledger.reserve("ws", "s1", 0.0) == ledger.reserve("ws", "s1", 1.0)

    assert room(ledger, 1.0) == CAPACITY - 1


def test_a_place_given_back_is_free_and_giving_it_back_twice_is_no_harm(ledger: Ledger):
    ledger.reserve("ws", "s1", 0.0)
    ledger.release("s1")
    ledger.release("s1")
    ledger.release("never heard of")

    assert room(ledger, 0.0) == CAPACITY
    with pytest.raises(errors.SessionNotFoundError):
        ledger.locate("s1")


def test_a_session_that_is_there_cannot_be_released(ledger: Ledger):
    ledger.reserve("ws", "s1", 0.0)
    ledger.report(report(sessions=("s1",)), 1.0)
    ledger.release("s1")

    assert ledger.locate("s1") == place("w1")
    assert room(ledger, 1.0) == CAPACITY - 1


def test_a_reservation_that_no_worker_confirms_lapses(ledger: Ledger):
    ledger.reserve("ws", "s1", 0.0)
    ledger.report(report(), RESERVATION_TTL_S - 1.0)
    assert ledger.locate("s1") == place("w1")
    ledger.report(report(), RESERVATION_TTL_S)

    with pytest.raises(errors.SessionNotFoundError):
        ledger.locate("s1")
    assert ledger.views(RESERVATION_TTL_S)[0].reserved == 0


def test_a_lapsed_reservation_makes_room_without_a_report(ledger: Ledger):
    for number in range(CAPACITY):
        ledger.reserve("ws", f"s{number}", 0.0)
    ledger.report(report(), RESERVATION_TTL_S - 0.5)

    assert room(ledger, RESERVATION_TTL_S + 0.5) == CAPACITY


def test_a_session_that_ended_before_it_was_ever_reported_gives_its_place_back(ledger: Ledger):
    ledger.reserve("ws", "s1", 0.0)
    ledger.report(report(ended=("s1",)), 1.0)

    assert room(ledger, 1.0) == CAPACITY
    with pytest.raises(errors.SessionNotFoundError):
        ledger.locate("s1")


def test_what_a_worker_no_longer_reports_is_gone(ledger: Ledger):
    ledger.report(report(sessions=("s1", "s2")), 1.0)
    ledger.report(report(sessions=("s2",)), 2.0)

    with pytest.raises(errors.SessionNotFoundError):
        ledger.locate("s1")
    assert ledger.locate("s2") == place("w1")


def test_a_report_that_crosses_a_reservation_does_not_undo_it(ledger: Ledger):
    ledger.reserve("ws", "s1", 0.0)
    ledger.report(report(), 0.1)

    assert ledger.locate("s1") == place("w1")


def test_a_worker_that_came_back_has_nothing_of_its_former_life(ledger: Ledger):
    ledger.report(report(sessions=("s1",)), 1.0)
    ledger.reserve("ws", "s2", 1.0)
    ledger.report(report(pid=2), 2.0)

    for session_id in ("s1", "s2"):
        with pytest.raises(errors.SessionNotFoundError):
            ledger.locate(session_id)
    assert room(ledger, 2.0) == CAPACITY


def test_a_silent_worker_gets_nothing_new_and_keeps_what_it_has(ledger: Ledger):
    ledger.report(report(sessions=("s1",)), 0.0)
    late = WORKER_SILENCE_S + 1.0
    with pytest.raises(errors.WorkerUnavailableError):
        ledger.reserve("ws", "s2", late)

    assert ledger.locate("s1") == place("w1")
    assert [view.state for view in ledger.views(late)] == ["silent"]


def test_a_reservation_at_a_worker_that_fell_silent_is_moved(ledger: Ledger):
    ledger.reserve("ws", "s1", 0.0)
    late = WORKER_SILENCE_S + 1.0
    ledger.report(report("w2"), late)
    assert ledger.reserve("ws", "s1", late) == place("w2")
    ledger.report(report("w1"), late)

    assert ledger.locate("s1") == place("w2")
    assert [view.reserved for view in ledger.views(late)] == [0, 1]


def test_the_sessions_of_a_workspace_are_together_while_there_is_room(ledger: Ledger):
    ledger.report(report("w2", capacity=100), 0.0)
    first = ledger.reserve("mine", "s1", 0.0)
    assert first == place("w2"), "where there is most room"
    ledger.report(report("w3", capacity=1000), 0.0)

    assert ledger.reserve("mine", "s2", 0.0) == first
    assert ledger.reserve("other", "s3", 0.0) == place("w3")


def test_a_workspace_whose_worker_is_full_goes_on_elsewhere(ledger: Ledger):
    for number in range(CAPACITY):
        ledger.reserve("mine", f"s{number}", 0.0)
    ledger.report(report("w2"), 0.0)

    assert ledger.reserve("mine", "s9", 0.0) == place("w2")


def test_a_session_that_moved_is_where_it_was_reported_last(ledger: Ledger):
    ledger.report(report("w1", ("s1",)), 0.0)
    ledger.report(report("w2", ("s1",)), 1.0)
    ledger.report(report("w1"), 2.0)

    assert ledger.locate("s1") == place("w2")


def test_forgetting_a_worker_leaves_what_is_elsewhere(ledger: Ledger):
    ledger.report(report("w1", ("s1", "s2")), 0.0)
    ledger.report(report("w2", ("s1",)), 1.0)
    ledger.forget("w1")
    ledger.forget("w1")

    assert ledger.locate("s1") == place("w2")
    with pytest.raises(errors.SessionNotFoundError):
        ledger.locate("s2")


def test_what_is_known_of_workspaces_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_module, "MAX_WORKSPACES", 10)
    ledger.report(report("w1", capacity=1000), 0.0)
    for number in range(100):
        ledger.reserve("often", f"o{number}", 0.0)
        ledger.reserve(f"ws-{number}", f"s{number}", 0.0)

    assert len(ledger._workspaces) == 10
    assert "often" in ledger._workspaces, "the one asked for longest ago goes first"


def test_a_worker_that_shrinks_below_what_it_holds_takes_nothing_new(ledger: Ledger):
    ledger.report(report(sessions=("s1", "s2"), capacity=1), 0.0)

    assert room(ledger, 0.0) == 0


class Cluster(RuleBasedStateMachine):
    """Workers that hold, crash, fall silent and come back, against what they really hold.

    The workers here keep to their capacity, as the real ones do, and take in only what was reserved.
    """

    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.now = 0.0
        self.count = 0
        self.pids = {"w1": 1, "w2": 1}
        self.holds: dict[str, set[str]] = {"w1": set(), "w2": set()}
        self.ended: dict[str, list[str]] = {"w1": [], "w2": []}
        self.granted: dict[str, tuple[str, float]] = {}
        self.said: dict[str, set[str]] = {"w1": set(), "w2": set()}

    def _say(self, worker: str) -> None:
        held, ended = self.holds[worker], self.ended[worker]
        self.ledger.report(
            report(worker, tuple(sorted(held)), ended=tuple(ended), pid=self.pids[worker]), self.now
        )
        self.said[worker] = set(held)
        for session_id in (*held, *ended):
            self.granted.pop(session_id, None)
        self.ended[worker] = []

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def reports(self, worker: str) -> None:
        self._say(worker)

    @rule(seconds=st.sampled_from([0.5, 1.0, 7.0, RESERVATION_TTL_S]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=sessions, workspace=st.sampled_from(["a", "b", "c"]))
    def reserves(self, workspace: str) -> str:
        self.count += 1
        session_id = f"s{self.count}"
        try:
            found = self.ledger.reserve(workspace, session_id, self.now)
        except (errors.CapacityError, errors.WorkerUnavailableError):
            return session_id
        (granted,) = [view for view in self.ledger.views(self.now) if view.worker_id == found.worker_id]
        assert granted.sessions + granted.reserved <= CAPACITY, "no worker is promised more than it takes"
        self.granted[session_id] = (found.worker_id, self.now + RESERVATION_TTL_S)
        return session_id

    @rule(session_id=sessions)
    def asks_again(self, session_id: str) -> None:
        if session_id in self.granted and self.granted[session_id][1] > self.now:
            worker, until = self.granted[session_id]
            try:
                found = self.ledger.reserve("a", session_id, self.now)
            except (errors.CapacityError, errors.WorkerUnavailableError):
                del self.granted[session_id]
                self.ledger.release(session_id)
            else:
                if found.worker_id != worker:
                    until = self.now + RESERVATION_TTL_S
                self.granted[session_id] = (found.worker_id, until)

    @rule(session_id=sessions)
    def releases(self, session_id: str) -> None:
        self.ledger.release(session_id)
        self.granted.pop(session_id, None)

    @rule(session_id=sessions)
    def opens(self, session_id: str) -> None:
        worker, until = self.granted.get(session_id, ("", 0.0))
        if worker and until > self.now and len(self.holds[worker]) < CAPACITY:
            self.holds[worker].add(session_id)

    @rule(session_id=sessions)
    def ends(self, session_id: str) -> None:
        for worker, held in self.holds.items():
            if session_id in held:
                held.discard(session_id)
                self.ended[worker].append(session_id)

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def crashes(self, worker: str) -> None:
        self.pids[worker] += 1
        self.holds[worker].clear()
        self.ended[worker].clear()
        self.granted = {one: where for one, where in self.granted.items() if where[0] != worker}
        self._say(worker)

    @invariant()
    def what_was_reported_is_found(self) -> None:
        for worker, said in self.said.items():
            for session_id in said:
                assert self.ledger.locate(session_id).worker_id == worker

    @invariant()
    def every_place_is_accounted_for(self) -> None:
        mapped = set(self.ledger._by_session)
        known = {one for worker in self.ledger._workers.values() for one in (*worker.used, *worker.reserved)}
        assert mapped == known

    @precondition(lambda self: self.ledger._workers)
    @rule()
    def in_the_end_every_place_is_free_again(self) -> None:
        """After all sessions ended and all reservations lapsed, as much is free as in the beginning."""
        self.granted.clear()
        self.now += RESERVATION_TTL_S
        for worker in ("w1", "w2"):
            self.holds[worker].clear()
            self._say(worker)
        assert room(self.ledger, self.now) == 2 * CAPACITY
        assert self.ledger._by_session == {}


TestCluster = Cluster.TestCase
TestCluster.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
