"""Admission against a model of the world: never above a worker's room, and nothing lost for good."""

import random
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors import errors
from actors.capacity.admission import Admission
from actors.capacity.ledger import RESERVATION_TTL_S, WORKER_SILENCE_S, Ledger, Place, WorkerReport
from actors.capacity.limits import Limits
from actors.capacity.requests import Request, Waiting
from actors.capacity.roll import Owner
from actors.capacity.waiting import LAPSE_S

SESSIONS = 10_000
PLACES = 4000
TEN = tuple(f"worker-{number}" for number in range(10))


class Fleet:
    """Ten workers and many sessions in workspaces of several sizes."""

    def __init__(self, workers: tuple[str, ...] = TEN) -> None:
        self.ledger = Ledger()
        self.admission = Admission(self.ledger, Limits())
        self.workers = workers
        self.homes: dict[str, str] = {}
        self.owners: dict[str, Owner] = {}
        self.report()

    def report(self) -> None:
        for worker in self.workers:
            held = {one: self.owners[one] for one, home in self.homes.items() if home == worker}
            life = f"{worker}:1"
            self.ledger.report(WorkerReport(worker, life, "127.0.0.1", 1, 1, "n", PLACES, 0, held), 0.0)

    def admit(self, sessions: dict[str, Owner]) -> None:
        for session_id, owner in sessions.items():
            (answer,) = self.admission.admit([Request(session_id, owner)], (), 0.0)
            assert isinstance(answer, Place)
            self.homes[session_id] = answer.worker_id
            self.owners[session_id] = owner

    def loads(self) -> Counter[str]:
        return Counter(self.homes.values())


def population(seed: int) -> dict[str, Owner]:
    """Sessions by their ids; a workspace has one to eight."""
    chance = random.Random(seed)
    owners = [Owner(f"i{number % 7}", f"ws{seed}-{number}") for number in range(SESSIONS)]
    sizes = [owner for owner in owners for _ in range(chance.randint(1, 8))][:SESSIONS]
    chance.shuffle(sizes)
    return {f"s{seed}-{number}": owner for number, owner in enumerate(sizes)}


def test_ten_thousand_sessions_are_within_a_tenth_of_the_mean_on_each_worker():
    for seed in range(2):
        fleet = Fleet()
        fleet.admit({f"s{number}": Owner("i", f"ws{seed}-{number}") for number in range(SESSIONS)})
        loads = fleet.loads()
        mean = SESSIONS / len(TEN)

        assert max(loads.values()) <= 1.1 * mean
        assert min(loads.values()) >= 0.9 * mean


def test_workspaces_of_many_sessions_stay_together_and_are_spread_nearly_as_evenly():
    for seed in range(2):
        fleet = Fleet()
        fleet.admit(population(seed))
        loads = fleet.loads()
        mean = SESSIONS / len(TEN)

        assert max(loads.values()) <= 1.15 * mean
        assert min(loads.values()) >= 0.85 * mean
        homes_of: dict[Owner, set[str]] = {}
        for session_id, owner in fleet.owners.items():
            homes_of.setdefault(owner, set()).add(fleet.homes[session_id])
        assert {len(homes) for homes in homes_of.values()} == {1}


def test_a_worker_that_joins_moves_nobody_and_gets_its_share_of_what_comes():
    fleet = Fleet()
    fleet.admit(population(1))
    before = dict(fleet.homes)
    fleet.workers = (*TEN, "worker-10")
    fleet.report()
    fleet.admit(population(1))
    assert fleet.homes == before, "whoever asks again is where it was"
    fleet.admit(population(2))

    assert fleet.loads()["worker-10"] >= SESSIONS / 11
    assert fleet.loads()["worker-10"] <= 2 * SESSIONS / 11


def test_a_worker_that_leaves_moves_only_what_it_had_and_to_all_others():
    fleet = Fleet()
    fleet.admit(population(1))
    before = dict(fleet.homes)
    fleet.ledger.forget("worker-3:1")
    fleet.workers = tuple(worker for worker in TEN if worker != "worker-3")
    fleet.admit(population(1))
    moved = {one for one, home in fleet.homes.items() if home != before[one]}

    assert moved == {one for one, home in before.items() if home == "worker-3"}
    assert len(moved) / SESSIONS <= 1 / 10 + 0.05
    assert max(fleet.loads().values()) <= 1.15 * SESSIONS / 9


CAPACITY = 3
WORKERS = ("w1", "w2")


class World(RuleBasedStateMachine):
    """Two workers, two replicas and a capacity actor, each of which may die at any moment.

    Workers hold what they are sent, as long as they have room. Replicas repeat what they wait for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.count = 0
        self.lives = dict.fromkeys(WORKERS, 1)
        self.holds: dict[str, dict[str, Owner]] = {worker: {} for worker in WORKERS}
        self.ended: dict[str, list[str]] = {worker: [] for worker in WORKERS}
        self.wanted: dict[str, dict[str, tuple[Owner, float]]] = {"r1": {}, "r2": {}}
        self.given_up: dict[str, list[str]] = {"r1": [], "r2": []}
        self._new_books(0.0)
        self.hear_all()

    def _new_books(self, opens_at: float) -> None:
        self.ledger = Ledger()
        self.admission = Admission(self.ledger, Limits(sessions_per_installation=4, queue=5), opens_at)

    def hear_all(self) -> None:
        for worker in WORKERS:
            self.reports(worker)

    @rule(worker=st.sampled_from(WORKERS))
    def reports(self, worker: str) -> None:
        life = f"{worker}:{self.lives[worker]}"
        held = dict(self.holds[worker])
        self.ledger.report(
            WorkerReport(worker, life, "127.0.0.1", 1, 1, "n", CAPACITY, 0, held, self.ended[worker]),
            self.now,
        )
        self.ended[worker] = []

    @rule(seconds=st.sampled_from([0.2, 1.0, LAPSE_S + 0.1, WORKER_SILENCE_S + 0.1, RESERVATION_TTL_S]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(replica=st.sampled_from(["r1", "r2"]), installation=st.sampled_from("ab"), many=st.integers(1, 6))
    def clients_come(self, replica: str, installation: str, many: int) -> None:
        for _ in range(many):
            self.count += 1
            owner = Owner(installation, f"ws{self.count % 3}")
            self.wanted[replica][f"s{self.count}"] = (owner, self.now)

    @rule(replica=st.sampled_from(["r1", "r2"]), opens=st.booleans())
    def replica_asks(self, replica: str, opens: bool) -> None:
        """It opens what it gets a place for, unless that gets lost on the way."""
        wanted = self.wanted[replica]
        requests = [Request(one, owner, "", self.now - since) for one, (owner, since) in wanted.items()]
        known = {one.session_id for one in requests if self.ledger.find(one.session_id) is not None}
        answers = self.admission.admit(requests, self.given_up[replica], self.now)
        self.given_up[replica] = []
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Waiting):
                assert 1 <= answer.position <= answer.of <= 5
                continue
            del wanted[request.session_id]
            if isinstance(answer, errors.LumiLinkError):
                assert request.session_id not in known, "what has a place is never refused"
            elif opens:
                self._opens(request, answer)

    def _opens(self, request: Request, place: Place) -> None:
        holder = self.holds[place.worker_id]
        if place.life == f"{place.worker_id}:{self.lives[place.worker_id]}" and len(holder) < CAPACITY:
            holder[request.session_id] = request.owner

    @rule(replica=st.sampled_from(["r1", "r2"]))
    def clients_leave(self, replica: str) -> None:
        self.given_up[replica] += self.wanted[replica]
        self.wanted[replica].clear()

    @rule(replica=st.sampled_from(["r1", "r2"]))
    def replica_dies(self, replica: str) -> None:
        self.wanted[replica].clear()
        self.given_up[replica].clear()

    @rule(worker=st.sampled_from(WORKERS), told=st.booleans())
    def worker_dies(self, worker: str, told: bool) -> None:
        if told:
            self.ledger.forget(f"{worker}:{self.lives[worker]}")
        self.lives[worker] += 1
        self.holds[worker].clear()
        self.ended[worker].clear()

    @rule(worker=st.sampled_from(WORKERS))
    def a_session_ends(self, worker: str) -> None:
        if self.holds[worker]:
            session_id, _ = self.holds[worker].popitem()
            self.ended[worker].append(session_id)

    @rule(heard=st.lists(st.sampled_from(WORKERS), unique=True))
    def the_capacity_actor_dies(self, heard: list[str]) -> None:
        self._new_books(self.now + 3.0)
        for worker in heard:
            self.reports(worker)
        self.now += 3.0
        self.hear_all()

    @invariant()
    def no_worker_is_promised_more_than_it_takes(self) -> None:
        for view in self.ledger.views(self.now):
            assert view.sessions + view.reserved <= CAPACITY

    @invariant()
    def no_session_counts_twice(self) -> None:
        views = self.ledger.views(self.now)
        counted = sum(self.ledger.roll.installations().values())
        assert counted == sum(view.sessions + view.reserved for view in views)

    def teardown(self) -> None:
        """All is over at last: everything is free again, and nobody waits."""
        for replica in ("r1", "r2"):
            self.replica_dies(replica)
        for worker in WORKERS:
            while self.holds[worker]:
                self.a_session_ends(worker)
        self.now += RESERVATION_TTL_S + 3.0
        self.hear_all()
        self.admission.admit((), (), self.now)
        assert self.ledger.room(self.now) == CAPACITY * len(WORKERS)
        assert self.ledger.roll.installations() == {}
        assert self.admission.figures(self.now).waiting == 0


TestWorld = World.TestCase
TestWorld.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
