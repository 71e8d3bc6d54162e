"""The books of capacity: never above a worker's room, never a place lost."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from actors import errors
from actors.capacity import ledger as ledger_module
from actors.capacity import roll as roll_module
from actors.capacity.ledger import RESERVATION_TTL_S, WORKER_SILENCE_S, Ledger, Place, WorkerReport
from actors.capacity.roll import NOBODY, Owner

CAPACITY = 3
WS, MINE, OTHER, OFTEN = (Owner("i", name) for name in ("ws", "mine", "other", "often"))


def report(
    worker: str = "w1",
    sessions: tuple[str, ...] = (),
    *,
    owner: Owner = NOBODY,
    ended: tuple[str, ...] = (),
    pid: int = 1,
    capacity: int = CAPACITY,
    draining: bool = False,
) -> WorkerReport:
    port = 7000 + int(worker[1:])
    life = life_of(worker, pid)
    held = dict.fromkeys(sessions, owner)
    return WorkerReport(worker, life, "127.0.0.1", port, pid, "n", capacity, 0, held, [*ended], draining)


def life_of(worker: str, pid: int = 1) -> str:
    return f"gw:{worker}:{pid}"


def place(worker: str, pid: int = 1) -> Place:
    return Place(worker, life_of(worker, pid), "127.0.0.1", 7000 + int(worker[1:]))


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
            ledger.reserve(Owner("probe", f"ws-{number}"), f"probe-{number}", now)
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
    assert ledger.reserve(WS, "s1", 0.0) == place("w1")
    assert ledger.find("s1") == place("w1")
    assert ledger.places() == [place("w1")]


def test_over_capacity_it_refuses_and_says_when_to_come_back(ledger: Ledger):
    for number in range(CAPACITY):
        ledger.reserve(WS, f"s{number}", 0.0)
    with pytest.raises(errors.CapacityError) as refused:
        ledger.reserve(OTHER, "one more", 0.0)

    assert refused.value.retry_after_s is not None
    assert f"{CAPACITY} places of 1 workers" in refused.value.detail
    assert ledger.find("one more") is None


def test_a_call_that_is_repeated_takes_one_place(ledger: Ledger):
    assert ledger.reserve(WS, "s1", 0.0) == ledger.reserve(WS, "s1", 1.0)

    assert room(ledger, 1.0) == CAPACITY - 1


def test_a_place_given_back_is_free_and_giving_it_back_twice_is_no_harm(ledger: Ledger):
    ledger.reserve(WS, "s1", 0.0)
    ledger.release("s1")
    ledger.release("s1")
    ledger.release("never heard of")

    assert room(ledger, 0.0) == CAPACITY
    assert ledger.find("s1") is None


def test_a_session_that_is_there_cannot_be_released(ledger: Ledger):
    ledger.reserve(WS, "s1", 0.0)
    ledger.report(report(sessions=("s1",)), 1.0)
    ledger.release("s1")

    assert ledger.find("s1") == place("w1")
    assert room(ledger, 1.0) == CAPACITY - 1


def test_a_reservation_that_no_worker_confirms_lapses(ledger: Ledger):
    ledger.reserve(WS, "s1", 0.0)
    ledger.report(report(), RESERVATION_TTL_S - 1.0)
    assert ledger.find("s1") == place("w1")
    ledger.report(report(), RESERVATION_TTL_S)

    assert ledger.find("s1") is None
    assert ledger.views(RESERVATION_TTL_S)[0].reserved == 0


def test_a_lapsed_reservation_makes_room_without_a_report(ledger: Ledger):
    for number in range(CAPACITY):
        ledger.reserve(WS, f"s{number}", 0.0)
    ledger.report(report(), RESERVATION_TTL_S - 0.5)

    assert room(ledger, RESERVATION_TTL_S + 0.5) == CAPACITY


def test_a_session_that_ended_before_it_was_ever_reported_gives_its_place_back(ledger: Ledger):
    ledger.reserve(WS, "s1", 0.0)
    ledger.report(report(ended=("s1",)), 1.0)

    assert room(ledger, 1.0) == CAPACITY
    assert ledger.find("s1") is None


def test_what_a_worker_no_longer_reports_is_gone(ledger: Ledger):
    ledger.report(report(sessions=("s1", "s2")), 1.0)
    ledger.report(report(sessions=("s2",)), 2.0)

    assert ledger.find("s1") is None
    assert ledger.find("s2") == place("w1")


def test_a_report_that_crosses_a_reservation_does_not_undo_it(ledger: Ledger):
    ledger.reserve(WS, "s1", 0.0)
    ledger.report(report(), 0.1)

    assert ledger.find("s1") == place("w1")


def test_a_worker_that_came_back_has_nothing_of_its_former_life(ledger: Ledger):
    ledger.report(report(sessions=("s1",)), 1.0)
    ledger.reserve(WS, "s2", 1.0)
    ledger.report(report(pid=2), 2.0)

    assert [ledger.find(session_id) for session_id in ("s1", "s2")] == [None, None]
    assert room(ledger, 2.0) == CAPACITY


def test_a_silent_worker_gets_nothing_new_and_keeps_what_it_has(ledger: Ledger):
    ledger.report(report(sessions=("s1",)), 0.0)
    late = WORKER_SILENCE_S + 1.0
    with pytest.raises(errors.WorkerUnavailableError):
        ledger.reserve(WS, "s2", late)

    assert ledger.find("s1") == place("w1")
    assert [view.state for view in ledger.views(late)] == ["silent"]


def test_a_reservation_at_a_worker_that_fell_silent_is_moved(ledger: Ledger):
    ledger.reserve(WS, "s1", 0.0)
    late = WORKER_SILENCE_S + 1.0
    ledger.report(report("w2"), late)
    assert ledger.reserve(WS, "s1", late) == place("w2")
    ledger.report(report("w1"), late)

    assert ledger.find("s1") == place("w2")
    assert [view.reserved for view in ledger.views(late)] == [0, 1]


def test_the_sessions_of_a_workspace_are_together(ledger: Ledger):
    ledger.reserve(MINE, "s1", 0.0)
    for number in range(2, 10):
        ledger.report(report(f"w{number}", capacity=1000), 0.0)

    assert ledger.reserve(MINE, "s2", 0.0) == place("w1")
    assert ledger.reserve(OTHER, "s3", 0.0) != place("w1"), "it is fuller than the others are"


def test_a_workspace_whose_worker_is_full_has_no_room_elsewhere_as_only_one_holds_it(ledger: Ledger):
    for number in range(CAPACITY):
        ledger.reserve(MINE, f"s{number}", 0.0)
    ledger.report(report("w2"), 0.0)
    with pytest.raises(errors.CapacityError, match="holds the workspace is full"):
        ledger.reserve(MINE, "s9", 0.0)

    assert ledger.reserve(OTHER, "s9", 0.0) == place("w2")


def test_a_workspace_without_sessions_goes_elsewhere_if_its_worker_is_full(ledger: Ledger):
    ledger.reserve(MINE, "s1", 0.0)
    ledger.release("s1")
    for number in range(CAPACITY):
        ledger.reserve(OTHER, f"o{number}", 0.0)
    ledger.report(report("w2"), 0.0)

    assert ledger.reserve(MINE, "s2", 0.0) == place("w2")


def test_a_workspace_goes_elsewhere_while_its_worker_drains(ledger: Ledger):
    ledger.report(report("w1", ("s1",), owner=MINE, draining=True), 0.0)
    ledger.report(report("w2"), 0.0)

    assert ledger.reserve(MINE, "s2", 0.0) == place("w2")


def test_fresh_books_learn_from_reports_where_a_workspace_is():
    ledger = Ledger()
    for number in range(1, 9):
        owner = MINE if number == 5 else OTHER
        ledger.report(report(f"w{number}", (f"s{number}",), owner=owner), 0.0)

    assert ledger.reserve(MINE, "new", 0.0) == place("w5")


def test_sessions_are_counted_by_owner_whether_they_are_used_or_reserved(ledger: Ledger):
    ledger.report(report("w1", ("s1", "s2"), owner=MINE), 0.0)
    ledger.reserve(OTHER, "s3", 0.0)
    assert (ledger.roll.of_installation("i"), ledger.roll.of_workspace(MINE)) == (3, 2)
    ledger.report(report("w1", ("s2",), owner=MINE, ended=("s3",)), 1.0)
    assert (ledger.roll.of_installation("i"), ledger.roll.of_workspace(OTHER)) == (1, 0)
    ledger.forget(life_of("w1"))

    assert ledger.roll.installations() == {}


def test_room_is_what_workers_have_that_are_heard_and_do_not_drain(ledger: Ledger):
    ledger.reserve(WS, "s1", 0.0)
    assert ledger.room(0.0) == CAPACITY - 1
    ledger.report(report("w2", capacity=10, draining=True), 0.0)
    assert ledger.room(0.0) == CAPACITY - 1
    ledger.report(report("w3", capacity=10), WORKER_SILENCE_S + 1.0)
    assert ledger.room(WORKER_SILENCE_S + 1.0) == 10
    with pytest.raises(errors.WorkerUnavailableError):
        ledger.room(100.0)


def test_a_session_that_moved_is_where_it_was_reported_last(ledger: Ledger):
    ledger.report(report("w1", ("s1",)), 0.0)
    ledger.report(report("w2", ("s1",)), 1.0)
    ledger.report(report("w1"), 2.0)

    assert ledger.find("s1") == place("w2")


def test_forgetting_a_worker_leaves_what_is_elsewhere(ledger: Ledger):
    ledger.report(report("w1", ("s1", "s2")), 0.0)
    ledger.report(report("w2", ("s1",)), 1.0)
    ledger.forget(life_of("w1"))
    ledger.forget(life_of("w1"))

    assert ledger.find("s1") == place("w2")
    assert ledger.find("s2") is None


def test_what_is_known_of_workspaces_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_module, "MAX_WORKSPACES", 10)
    ledger.report(report("w1", capacity=1000), 0.0)
    for number in range(100):
        ledger.reserve(OFTEN, f"o{number}", 0.0)
        ledger.reserve(Owner("i", f"ws-{number}"), f"s{number}", 0.0)

    assert len(ledger._workspaces) == 10
    assert OFTEN in ledger._workspaces, "the one asked for longest ago goes first"


def test_a_worker_that_shrinks_below_what_it_holds_takes_nothing_new(ledger: Ledger):
    ledger.report(report(sessions=("s1", "s2"), capacity=1), 0.0)

    assert room(ledger, 0.0) == 0


def test_a_session_that_nobody_reported_gets_a_place_where_there_is_most_room(ledger: Ledger):
    ledger.report(report("w2", capacity=100), 0.0)

    assert ledger.locate("in-the-journal", 0.0) == place("w2")
    assert ledger.locate("in-the-journal", 1.0) == place("w2"), "and the same one again"
    assert [view.reserved for view in ledger.views(0.0)] == [0, 1]
    ledger.release("in-the-journal")
    assert [view.reserved for view in ledger.views(0.0)] == [0, 0]


def test_a_session_is_located_where_it_was_reported_even_if_it_is_full_there(ledger: Ledger):
    ledger.report(report(sessions=("s1", "s2", "s3")), 0.0)

    assert ledger.locate("s1", 0.0) == place("w1")
    with pytest.raises(errors.CapacityError):
        ledger.locate("s4", 0.0)


def test_nothing_is_located_without_a_worker():
    with pytest.raises(errors.WorkerUnavailableError):
        Ledger().locate("s1", 0.0)


def test_a_session_that_is_opened_elsewhere_than_it_was_awaited_gives_its_place_back(ledger: Ledger):
    ledger.locate("s1", 0.0)
    ledger.report(report("w2", ("s1",)), 0.0)

    assert ledger.find("s1") == place("w2")
    assert [(view.sessions, view.reserved) for view in ledger.views(0.0)] == [(0, 0), (1, 0)]


def test_a_worker_is_found_by_its_life(ledger: Ledger):
    assert ledger.whereis(life_of("w1")) == place("w1")
    assert ledger.whereis(life_of("w1", 2)) is None
    ledger.report(report("w1", pid=2), 1.0)
    assert ledger.whereis(life_of("w1")) is None
    assert ledger.whereis(life_of("w1", 2)) == place("w1", 2)


def test_whether_a_worker_was_heard_lately_is_known_by_its_life(ledger: Ledger):
    assert ledger.is_heard(life_of("w1"), WORKER_SILENCE_S)
    assert not ledger.is_heard(life_of("w1"), WORKER_SILENCE_S + 0.1)
    assert not ledger.is_heard(life_of("w1", 2), 0.0)


def test_a_dead_life_never_comes_back(ledger: Ledger):
    ledger.report(report("w2"), 0.0)
    ledger.forget(life_of("w1"))
    assert ledger.report(report("w1", ("s1",)), 1.0) is False, "it was late, or only silent"

    assert ledger.whereis(life_of("w1")) is None
    assert ledger.find("s1") is None
    assert ledger.report(report("w1", pid=2), 2.0) is True, "its successor is another"
    assert ledger.report(report("w1", pid=1), 3.0) is False
    assert ledger.whereis(life_of("w1", 2)) == place("w1", 2)


def test_how_many_dead_lives_are_remembered_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_module, "MAX_DEAD", 10)
    for pid in range(2, 100):
        ledger.report(report("w1", pid=pid), 0.0)

    assert len(ledger._dead) == 10
    assert life_of("w1", 98) in ledger._dead


def test_sessions_of_a_worker_that_lives_stay_where_they_are(ledger: Ledger):
    ledger.report(report("w1", ("s1",)), 0.0)
    ledger.report(report("w2", ("s2",), capacity=100), 0.0)

    found = ledger.relocate(["s1", "s2", "s3"], life_of("w1"), 1.0)
    assert found == {"s1": place("w1"), "s2": place("w2"), "s3": place("w1")}


def test_sessions_of_a_dead_worker_are_spread_by_room_and_keep_their_new_places(ledger: Ledger):
    ledger.report(report("w1", ("s1", "s2", "s3")), 0.0)
    ledger.report(report("w2", capacity=2), 0.0)
    ledger.report(report("w3", capacity=3), 0.0)
    ledger.forget(life_of("w1"))
    found = ledger.relocate(["s1", "s2", "s3"], life_of("w1"), 1.0)

    assert sorted(one.worker_id for one in found.values()) == ["w2", "w3", "w3"]
    assert ledger.relocate(["s3", "s2", "s1"], life_of("w1"), 2.0) == found
    assert [view.reserved for view in ledger.views(2.0)] == [1, 2]


def test_a_dead_workers_sessions_come_back_to_its_successor_if_it_is_the_only_one(ledger: Ledger):
    ledger.report(report("w1", ("s1",)), 0.0)
    ledger.forget(life_of("w1"))
    with pytest.raises(errors.WorkerUnavailableError):
        ledger.relocate(["s1"], life_of("w1"), 1.0)
    ledger.report(report("w1", pid=2), 2.0)

    assert ledger.relocate(["s1"], life_of("w1"), 2.0) == {"s1": place("w1", 2)}


def test_sessions_for_which_there_is_no_room_are_left_out(ledger: Ledger):
    ledger.report(report("w2", ("a", "b", "c")), 0.0)
    ledger.report(report("w1", ("s1", "s2", "s3", "s4"), capacity=4), 0.0)
    ledger.forget(life_of("w1"))
    ledger.report(report("w3"), 0.0)

    found = ledger.relocate(["s1", "s2", "s3", "s4"], life_of("w1"), 1.0)
    assert found == {"s1": place("w3"), "s2": place("w3"), "s3": place("w3")}


def test_a_new_place_at_a_worker_that_fell_silent_is_moved_on(ledger: Ledger):
    ledger.report(report("w2"), 0.0)
    ledger.forget(life_of("w1"))
    ledger.relocate(["s1"], life_of("w1"), 0.0)
    late = WORKER_SILENCE_S + 1.0
    ledger.report(report("w3"), late)

    assert ledger.relocate(["s1"], life_of("w1"), late) == {"s1": place("w3")}
    assert [view.reserved for view in ledger.views(late)] == [0, 1]


def test_the_sessions_of_a_dead_worker_come_back_together_with_their_workspaces(ledger: Ledger):
    mine, other = [f"m{number}" for number in range(4)], [f"o{number}" for number in range(4)]
    held = {**dict.fromkeys(mine, MINE), **dict.fromkeys(other, OTHER)}
    ledger.report(replace(report("w1", capacity=10), sessions=held), 0.0)
    for number in range(2, 8):
        ledger.report(report(f"w{number}", capacity=10), 0.0)
    ledger.forget(life_of("w1"))
    found = ledger.relocate([*mine[:2], *other], life_of("w1"), 1.0)

    assert len({found[one] for one in mine[:2]}) == len({found[one] for one in other}) == 1
    assert {ledger.locate(one, 1.0) for one in mine} == {found["m0"]}
    assert ledger.reserve(MINE, "new", 1.0) == found["m0"]


def test_whose_sessions_were_is_remembered_of_a_bounded_number(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(roll_module, "MAX_PAST", 2)
    for name in ("s1", "s2", "s3"):
        ledger.reserve(MINE, name, 0.0)
        ledger.release(name)

    assert [ledger.roll.owner_of(name) for name in ("s1", "s2", "s3")] == [NOBODY, MINE, MINE]


def owner_of(session_id: str) -> Owner:
    """Each session of the model below is of one of three workspaces."""
    return Owner("i", f"ws{int(session_id[1:]) % 3}")


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
        self.dead: set[str] = set()
        self.said: dict[str, set[str]] = {"w1": set(), "w2": set()}

    def _say(self, worker: str) -> None:
        held, ended = self.holds[worker], self.ended[worker]
        said = report(worker, (), ended=tuple(ended), pid=self.pids[worker])
        self.ledger.report(replace(said, sessions={one: owner_of(one) for one in sorted(held)}), self.now)
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

    @rule(target=sessions)
    def reserves(self) -> str:
        self.count += 1
        session_id = f"s{self.count}"
        try:
            found = self.ledger.reserve(owner_of(session_id), session_id, self.now)
        except (errors.CapacityError, errors.WorkerUnavailableError):
            return session_id
        self._was_promised(session_id, None, found)
        return session_id

    def _was_promised(self, session_id: str, before: Place | None, found: Place) -> None:
        """A session has a place; if it is a new one, its worker has to have had room for it."""
        if before == found:
            return
        (granted,) = [view for view in self.ledger.views(self.now) if view.worker_id == found.worker_id]
        assert granted.sessions + granted.reserved <= CAPACITY, "no worker is promised more than it takes"
        self.granted[session_id] = (found.worker_id, self.now + RESERVATION_TTL_S)

    @rule(session_id=sessions)
    def asks_again(self, session_id: str) -> None:
        if session_id in self.granted and self.granted[session_id][1] > self.now:
            worker, until = self.granted[session_id]
            try:
                found = self.ledger.reserve(owner_of(session_id), session_id, self.now)
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
        elsewhere = any(session_id in held for held in self.holds.values())
        if worker and until > self.now and not elsewhere and len(self.holds[worker]) < CAPACITY:
            self.holds[worker].add(session_id)

    @rule(session_id=sessions)
    def ends(self, session_id: str) -> None:
        for worker, held in self.holds.items():
            if session_id in held:
                held.discard(session_id)
                self.ended[worker].append(session_id)

    @rule(session_id=sessions)
    def is_looked_for(self, session_id: str) -> None:
        before = self.ledger.find(session_id)
        with contextlib.suppress(errors.CapacityError, errors.WorkerUnavailableError):
            found = self.ledger.locate(session_id, self.now)
            assert self.ledger.find(session_id) == found
            self._was_promised(session_id, before, found)

    @rule(
        wanted=st.lists(sessions, max_size=8, unique=True),
        worker=st.sampled_from(["w1", "w2"]),
        dead=st.booleans(),
    )
    def link_breaks(self, wanted: list[str], worker: str, dead: bool) -> None:
        life = life_of(worker, self.pids[worker])
        if dead:
            self._dies(worker)
            self.ledger.forget(life)
        before = {session_id: self.ledger.find(session_id) for session_id in wanted}
        try:
            found = self.ledger.relocate(wanted, life, self.now)
        except errors.WorkerUnavailableError:
            assert self.ledger.whereis(life) is None
            return
        assert self.ledger.relocate(list(found), life, self.now) == found, "asking again changes nothing"
        if self.ledger.whereis(life) is not None:
            assert set(found) == set(wanted)
            return
        for session_id, where in found.items():
            assert where.life != life
            self._was_promised(session_id, before[session_id], where)

    @rule(data=st.data())
    def a_dead_worker_speaks(self, data: st.DataObject) -> None:
        if self.dead:
            worker, pid = data.draw(st.sampled_from(sorted(self.dead))).split(":")[1:]
            assert self.ledger.report(report(worker, ("s1",), pid=int(pid)), self.now) is False

    def _dies(self, worker: str) -> None:
        self.dead.add(life_of(worker, self.pids[worker]))
        self.pids[worker] += 1
        self.holds[worker].clear()
        self.ended[worker].clear()
        self.said[worker] = set()
        self.granted = {one: where for one, where in self.granted.items() if where[0] != worker}

    @rule(worker=st.sampled_from(["w1", "w2"]))
    def crashes(self, worker: str) -> None:
        former = life_of(worker, self.pids[worker])
        known = self.ledger.whereis(former) is not None
        self._dies(worker)
        self._say(worker)
        if not known:
            self.dead.discard(former)  # nobody has ever heard of it

    @invariant()
    def what_was_reported_is_found(self) -> None:
        for worker, said in self.said.items():
            for session_id in said:
                found = self.ledger.find(session_id)
                assert found is not None
                assert found.worker_id == worker

    @invariant()
    def every_place_is_accounted_for(self) -> None:
        mapped = set(self.ledger.roll._entries)
        known = {one for worker in self.ledger._workers.values() for one in (*worker.used, *worker.reserved)}
        assert mapped == known

    @invariant()
    def no_session_has_two_reserved_places(self) -> None:
        reserved = [one for worker in self.ledger._workers.values() for one in worker.reserved]
        assert len(reserved) == len(set(reserved))

    @invariant()
    def the_dead_stay_dead(self) -> None:
        assert all(self.ledger.whereis(life) is None for life in self.dead)

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
        assert self.ledger.roll._entries == {}


TestCluster = Cluster.TestCase
TestCluster.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
