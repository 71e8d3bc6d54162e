"""Who gets a place, who waits and who is refused, in the order: rates, limits, room."""

import pickle

import pytest

from actors import errors
from actors.capacity.admission import Admission
from actors.capacity.ledger import RESERVATION_TTL_S, Ledger, Place, WorkerReport
from actors.capacity.limits import Limits
from actors.capacity.requests import Answer, Request, Waiting
from actors.capacity.roll import Owner
from actors.capacity.waiting import LAPSE_S


class Gate:
    """An admission with one worker, and a clock that is put forward by hand."""

    def __init__(self, capacity: int = 3, opens_at: float = 0.0, **limits: float) -> None:
        self.ledger = Ledger()
        self.now = 0.0
        self.capacity = capacity
        self.held: dict[str, Owner] = {}
        self.admission = Admission(self.ledger, Limits(**limits), opens_at)  # type: ignore[arg-type] # by test
        self.report()

    def report(self, *ended: str, worker: str = "w1") -> None:
        for session_id in ended:
            self.held.pop(session_id, None)
        self.ledger.report(
            WorkerReport(
                worker, f"{worker}:1", "127.0.0.1", 1, 1, "n", self.capacity, 0, dict(self.held), [*ended]
            ),
            self.now,
        )

    def ask(
        self,
        session_id: str,
        installation: str = "a",
        workspace: str = "ws",
        user: str = "",
        waited_s: float = 0.0,
    ) -> Answer:
        return self.ask_all(Request(session_id, Owner(installation, workspace), user, waited_s))[0]

    def ask_all(self, *requests: Request, given_up: tuple[str, ...] = ()) -> list[Answer]:
        return self.admission.admit(requests, given_up, self.now)


def requests(*names: str, installation: str = "a", waited_s: float = 0.0) -> list[Request]:
    return [Request(name, Owner(installation, "ws"), "", waited_s) for name in names]


def kinds(answers: list[Answer]) -> list[str]:
    """How often each kind of answer comes, in the order of the answers."""
    return [
        answer.code if isinstance(answer, errors.LumiLinkError) else type(answer).__name__
        for answer in answers
    ]


def test_as_many_are_admitted_as_there_is_room_for_and_the_next_wait_in_turn():
    gate = Gate(capacity=2)

    answers = gate.ask_all(*requests("s1", "s2", "s3", "s4"))
    assert kinds(answers) == ["Place", "Place", "Waiting", "Waiting"]
    assert answers[2:] == [Waiting(1, 2), Waiting(2, 2)]


def test_a_herd_of_thousands_gets_exactly_what_is_free_and_the_rest_an_answer():
    gate = Gate(capacity=600, queue=100)
    answers = kinds(gate.ask_all(*requests(*(f"s{number}" for number in range(5000)))))

    assert [answers.count(kind) for kind in ("Place", "Waiting", "capacity-exhausted")] == [600, 100, 4300]


def test_the_refusals_of_a_herd_are_pickled_once():
    gate = Gate(capacity=0, queue=0)
    answers = gate.ask_all(*requests(*(f"s{number}" for number in range(1000))))

    assert len(pickle.dumps(answers)) < 10_000


def test_a_request_that_is_repeated_takes_one_place():
    gate = Gate(capacity=2)
    first = gate.ask("s1")

    assert gate.ask("s1") == first
    assert gate.ask("s1", waited_s=1.0) == first
    assert gate.ledger.room(0.0) == 1


def test_a_place_that_comes_free_goes_to_whoever_waits_longest():
    gate = Gate(capacity=1)
    gate.ask_all(*requests("s1", "s2", "s3"))
    gate.ledger.release("s1")
    answers = gate.ask_all(*requests("s3", "s2", waited_s=0.2), *requests("s4"))

    assert kinds(answers) == ["Waiting", "Place", "Waiting"]
    assert answers[0] == Waiting(1, 2)
    assert answers[2] == Waiting(2, 2)


def test_nobody_overtakes_one_that_waits_at_another_replica():
    gate = Gate(capacity=1)
    gate.ask_all(*requests("s1", "theirs"))
    gate.ledger.release("s1")

    assert gate.ask("mine") == Waiting(1, 1), "the place is kept for the other"
    assert kinds(gate.ask_all(*requests("theirs", waited_s=0.2))) == ["Place"]


def test_a_place_that_nobody_fetches_goes_to_the_next():
    gate = Gate(capacity=1)
    gate.ask_all(*requests("s1", "gone", "next"))
    gate.ledger.release("s1")
    gate.now = LAPSE_S / 2
    assert kinds(gate.ask_all(*requests("next", waited_s=1.0))) == ["Waiting"]
    gate.now = LAPSE_S + 0.1

    assert kinds(gate.ask_all(*requests("next", waited_s=2.1))) == ["Place"]


def test_a_request_that_is_given_up_makes_room():
    gate = Gate(capacity=1)
    gate.ask_all(*requests("s1", "s2", "s3"))

    assert gate.ask_all(*requests("s3", waited_s=0.2), given_up=("s2",)) == [Waiting(1, 1)]
    assert kinds(gate.ask_all(*requests("s3", waited_s=0.4), given_up=("s1",))) == ["Place"]


def test_a_full_queue_refuses_and_says_when_to_come_back():
    gate = Gate(capacity=0, queue=2)
    gate.ask_all(*requests("s1", "s2"))
    refused = gate.ask("s3")

    assert isinstance(refused, errors.CapacityError)
    assert refused.retry_after_s is not None
    assert "2 new sessions wait" in refused.detail


def test_a_full_queue_has_room_for_an_installation_that_has_less_of_it():
    gate = Gate(capacity=0, queue=3)
    gate.ask_all(*requests("a1", "a2", "a3"))

    assert gate.ask("b1", installation="b") == Waiting(2, 3)
    gate.now = 0.2
    answers = gate.ask_all(*requests("a1", "a2", waited_s=0.2), *requests("a3", waited_s=0.1))
    assert kinds(answers) == ["Waiting", "Waiting", "capacity-exhausted"]


def test_one_installation_does_not_keep_another_from_free_places():
    gate = Gate(capacity=4)
    gate.ask_all(*requests("used1", "used2", "used3", "used4"))
    gate.ask_all(*requests(*(f"a{number}" for number in range(50))))
    gate.ask("b0", installation="b")
    for name in ("used1", "used2"):
        gate.ledger.release(name)

    assert isinstance(gate.ask("b0", installation="b", waited_s=0.2), Place)


def test_over_its_limit_an_installation_is_refused_and_others_are_not():
    gate = Gate(capacity=10, sessions_per_installation=2)
    answers = gate.ask_all(*requests("s1", "s2", "s3"))

    assert kinds(answers) == ["Place", "Place", "quota-exceeded"]
    assert isinstance(gate.ask("s4", installation="b"), Place)


def test_over_its_limit_a_workspace_is_refused_and_others_are_not():
    gate = Gate(capacity=10, sessions_per_workspace=1)

    assert isinstance(gate.ask("s1", workspace="one"), Place)
    assert isinstance(gate.ask("s2", workspace="one"), errors.QuotaExceededError)
    assert isinstance(gate.ask("s3", workspace="two"), Place)


def test_limits_hold_for_sessions_that_only_reports_tell_of():
    gate = Gate(capacity=10, sessions_per_installation=2)
    gate.held = {"old1": Owner("a", "ws"), "old2": Owner("a", "ws")}
    gate.report()

    assert isinstance(gate.ask("s1"), errors.QuotaExceededError)


def test_the_limit_comes_before_room():
    gate = Gate(capacity=1, sessions_per_installation=1)

    assert kinds(gate.ask_all(*requests("s1", "s2"))) == ["Place", "Waiting"]
    assert kinds(gate.ask_all(*requests("s2", waited_s=0.2))) == ["quota-exceeded"]
    assert kinds(gate.ask_all(*requests("s3"))) == ["quota-exceeded"]


def test_whoever_waits_is_not_held_up_by_one_whose_workspace_has_no_room():
    gate = Gate(capacity=1)
    gate.ask("s1", workspace="pinned")
    assert gate.ask("s2", workspace="pinned") == Waiting(1, 1)
    gate.report(worker="w2")

    assert isinstance(gate.ask("s3", workspace="free"), Place)
    assert gate.ask("s2", workspace="pinned", waited_s=0.2) == Waiting(1, 1)


def test_new_sessions_of_an_installation_come_as_fast_as_allowed():
    gate = Gate(capacity=100, new_sessions_per_s_installation=2.0)
    answers = gate.ask_all(*requests(*(f"s{number}" for number in range(10))))
    assert kinds(answers).count("Place") == 4
    refused = answers[-1]
    assert isinstance(refused, errors.RateLimitedError)
    assert refused.retry_after_s == pytest.approx(0.5)
    gate.now = 0.5

    assert isinstance(gate.ask("again"), Place)
    assert isinstance(gate.ask("more"), errors.RateLimitedError)
    assert isinstance(gate.ask("other", installation="b"), Place)


def test_a_user_that_is_too_fast_takes_nothing_from_the_rest_of_the_installation():
    gate = Gate(capacity=100, new_sessions_per_s_user=1.0, new_sessions_per_s_installation=2.0)
    answers = [gate.ask(f"s{number}", user="eve") for number in range(10)]

    assert kinds(answers).count("Place") == 2
    assert isinstance(gate.ask("t1", user="ann"), Place)
    assert isinstance(gate.ask("t2"), Place), "without a name only the installation counts"
    assert isinstance(gate.ask("t3", user="ann"), errors.RateLimitedError)


def test_waiting_costs_one_token_however_often_it_is_asked():
    gate = Gate(capacity=0, new_sessions_per_s_installation=0.5)
    for tenth in range(100):
        gate.now = tenth / 10
        assert gate.ask("s1", waited_s=gate.now) == Waiting(1, 1)


def test_books_that_are_too_fresh_let_new_sessions_wait():
    gate = Gate(capacity=5, opens_at=3.0, queue=1)
    answers = gate.ask_all(*requests("s1", "s2"))
    assert kinds(answers) == ["Waiting", "worker-unavailable"]
    with pytest.raises(errors.WorkerUnavailableError):
        gate.admission.check(gate.now)
    gate.now = 3.0

    assert isinstance(gate.ask("s1", waited_s=3.0), Place)


def test_without_a_worker_new_sessions_wait_for_one():
    admission = Admission(Ledger(), Limits(queue=1))

    assert kinds(admission.admit(requests("s1", "s2"), (), 0.0)) == ["Waiting", "worker-unavailable"]


def test_it_is_ready_while_a_new_session_would_be_admitted_at_once():
    gate = Gate(capacity=1)
    gate.admission.check(0.0)
    gate.ask("s1")
    with pytest.raises(errors.CapacityError, match="no place is free"):
        gate.admission.check(0.0)
    gate.ask("s2")
    gate.ledger.release("s1")
    with pytest.raises(errors.CapacityError, match="1 new sessions wait"):
        gate.admission.check(0.0)
    gate.now = LAPSE_S + 0.1

    gate.admission.check(gate.now)


def test_the_figures_tell_how_many_wait_and_what_came_of_the_others():
    gate = Gate(capacity=1, queue=1)
    gate.ask_all(*requests("s1", "s2", "s3"))
    figures = gate.admission.figures(gate.now)
    assert (figures.waiting, figures.admitted, figures.refused) == (1, 1, 1)

    assert gate.admission.figures(LAPSE_S + 0.1).waiting == 0, "who waited is gone"


def test_a_place_that_was_fetched_is_kept_until_the_worker_reports_it_or_it_lapses():
    gate = Gate(capacity=1)
    gate.ask("s1")
    gate.now = LAPSE_S + 0.1
    gate.report()
    assert kinds(gate.ask_all(*requests("s2"))) == ["Waiting"]
    gate.now = RESERVATION_TTL_S
    gate.report()

    assert kinds(gate.ask_all(*requests("s3"))) == ["Place"], "s2 has not been asked for since"


def test_a_fork_goes_beside_its_original_and_counts_for_the_same_workspace():
    gate = Gate(capacity=10, sessions_per_workspace=2)
    original = gate.ask("s1", workspace="mine")
    for number in range(2, 9):
        gate.report(worker=f"w{number}")
    fork = Request("f1", Owner("a", ""), beside="s1")

    assert gate.ask_all(fork) == [original]
    assert gate.ledger.roll.of_workspace(Owner("a", "mine")) == 2
    assert kinds(gate.ask_all(fork._replace(session_id="f2"))) == ["quota-exceeded"]


def test_a_fork_of_another_tenants_session_does_not_count_for_that_tenant():
    gate = Gate(capacity=10)
    gate.ask("s1", workspace="mine")
    gate.ask_all(Request("f1", Owner("b", ""), beside="s1"))

    assert gate.ledger.roll.of_installation("a") == 1
    assert gate.ledger.roll.of_installation("b") == 1


def test_a_fork_waits_while_the_worker_of_its_original_is_full():
    gate = Gate(capacity=1)
    gate.ask("s1")
    gate.report(worker="w2")

    assert gate.ask_all(Request("f1", Owner("a", ""), beside="s1")) == [Waiting(1, 1)]
