"""New sessions on their way to a place: many in a call, repeated while they wait, refused in the end."""

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from replica_world import SESSION, World, errors_of, place, request, settle

from actors import errors
from actors.capacity.ledger import Place
from actors.capacity.requests import Answer, Request, Waiting
from actors.capacity.roll import Owner
from actors.protocol.envelope import parse
from serve.ingress import admissions as admissions_module
from serve.ingress.admissions import OPEN_BURST_S, OPEN_PER_S, REPEAT_S, TELL_S, Admissions, Applicant, Queued
from serve.ingress.client import FIRST_WORD_S

WAIT_S = 10.0
OWNER = Owner("default", "ws")


class Gatekeeper:
    """The capacity actor: writes down what it is asked, and answers each request as ``answer`` says."""

    def __init__(self) -> None:
        self.calls: list[list[Request]] = []
        self.given_up: list[str] = []
        self.answer: Callable[[Request], Answer] = lambda request: place("w1")
        self.is_away = False
        self.takes_s = 0.01

    async def admit(self, requests: list[Request], given_up: list[str]) -> list[Answer]:
        self.calls.append(requests)
        self.given_up += given_up
        await asyncio.sleep(self.takes_s)
        if self.is_away:
            raise errors.WorkerUnavailableError("the capacity actor does not answer", 2.0)
        return [self.answer(request) for request in requests]


@pytest.fixture
def keeper() -> Gatekeeper:
    return Gatekeeper()


@pytest.fixture
def admissions(keeper: Gatekeeper) -> Admissions:
    return Admissions(keeper, WAIT_S)  # type: ignore[arg-type] # only admit is called


def applicant(name: str, told: list[Queued] | None = None) -> Applicant:
    return Applicant(name, OWNER, "", (told if told is not None else []).append)


def come(admissions: Admissions, count: int) -> list[asyncio.Task[Place]]:
    return [asyncio.ensure_future(admissions.place(applicant(f"s{number}"))) for number in range(count)]


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_those_that_come_during_a_call_go_together_with_the_next(
    admissions: Admissions, keeper: Gatekeeper
):
    first = come(admissions, 1)
    await asyncio.sleep(0.005)
    rest = [asyncio.ensure_future(admissions.place(applicant(f"r{number}"))) for number in range(100)]
    await asyncio.gather(*first, *rest)

    assert [len(call) for call in keeper.calls] == [1, 100]


async def test_a_herd_is_asked_for_in_parts_so_that_others_get_their_turn(
    admissions: Admissions, keeper: Gatekeeper
):
    await asyncio.gather(*come(admissions, 1000))

    assert [len(call) for call in keeper.calls] == [250] * 4


async def test_a_worker_gets_a_herd_at_a_pace_and_a_few_at_once(admissions: Admissions, keeper: Gatekeeper):
    began = now()
    moments: list[float] = []

    async def come(number: int) -> None:
        await admissions.place(applicant(f"s{number}"))
        moments.append(now() - began)

    await asyncio.gather(*(come(number) for number in range(400)))

    assert moments == sorted(moments)
    assert sum(moment < 0.1 for moment in moments) >= OPEN_PER_S * OPEN_BURST_S
    assert moments[-1] == pytest.approx(400 / OPEN_PER_S, rel=0.1)


async def test_a_worker_with_much_to_open_does_not_hold_up_another(
    admissions: Admissions, keeper: Gatekeeper
):
    keeper.answer = lambda request: place("w2" if request.session_id == "lone" else "w1")
    herd = come(admissions, 400)
    began = now()
    await admissions.place(applicant("lone"))

    assert now() - began < 0.1
    await asyncio.gather(*herd)


async def test_nothing_is_asked_once_nobody_waits(admissions: Admissions, keeper: Gatekeeper):
    await asyncio.gather(*come(admissions, 1))
    await asyncio.sleep(100.0)

    assert len(keeper.calls) == 1


async def test_whoever_waits_is_asked_for_again_with_how_long_it_has_waited(
    admissions: Admissions, keeper: Gatekeeper
):
    keeper.answer = lambda request: place("w1") if request.waited_s >= 1.0 else Waiting(1, 1)
    began = now()
    await admissions.place(applicant("s1"))

    waited = [call[0].waited_s for call in keeper.calls]
    assert waited[0] == 0.0, "the first time it costs a token"
    assert all(0 < later - earlier < 2 * REPEAT_S for earlier, later in pairwise(waited[1:]))
    assert now() - began < 1.0 + 2 * REPEAT_S


async def test_whoever_waits_is_told_its_position_at_once_and_changes_once_a_second(
    admissions: Admissions, keeper: Gatekeeper
):
    told: list[Queued] = []
    moments: list[float] = []
    began = now()

    def tell(queued: Queued) -> None:
        told.append(queued)
        moments.append(now() - began)

    keeper.answer = lambda request: (
        place("w1") if request.waited_s > 5.0 else Waiting(50 - int(request.waited_s * 10), 60)
    )
    await admissions.place(Applicant("s1", OWNER, "", tell))

    assert moments[0] < REPEAT_S
    assert all(later - earlier >= TELL_S for earlier, later in pairwise(moments))
    assert len(told) == 5
    assert [one.position for one in told] == sorted((one.position for one in told), reverse=True)
    assert told[0].left_s == pytest.approx(WAIT_S, abs=0.1)
    assert told[-1].left_s < WAIT_S - 4.0


async def test_a_position_that_does_not_change_is_told_once(admissions: Admissions, keeper: Gatekeeper):
    told: list[Queued] = []
    keeper.answer = lambda request: place("w1") if request.waited_s > 5.0 else Waiting(3, 7)
    await admissions.place(applicant("s1", told))

    assert [(one.position, one.of) for one in told] == [(3, 7)]


async def test_who_found_no_place_in_time_is_refused_and_leaves_the_queue(
    admissions: Admissions, keeper: Gatekeeper
):
    keeper.answer = lambda request: Waiting(1, 1)
    began = now()
    with pytest.raises(errors.CapacityError, match="no place came free in 10 s") as refused:
        await admissions.place(applicant("s1"))
    await asyncio.sleep(1.0)

    assert refused.value.retry_after_s
    assert WAIT_S <= now() - 1.0 - began <= WAIT_S + 2 * REPEAT_S
    assert keeper.given_up == ["s1"]


async def test_without_time_to_wait_the_first_answer_counts(keeper: Gatekeeper):
    told: list[Queued] = []
    keeper.answer = lambda request: Waiting(1, 1)
    with pytest.raises(errors.CapacityError):
        await Admissions(keeper, 0.0).place(applicant("s1", told))  # type: ignore[arg-type] # only admit is called

    assert (len(keeper.calls), told) == (1, [])


async def test_each_that_is_refused_gets_an_error_of_its_own(admissions: Admissions, keeper: Gatekeeper):
    full = errors.CapacityError("full", 5.0)
    keeper.answer = lambda request: full
    refused = await asyncio.gather(*come(admissions, 3), return_exceptions=True)

    assert [(type(one), one.args) for one in refused if isinstance(one, Exception)] == [
        (errors.CapacityError, ("full", 5.0))
    ] * 3
    assert len({id(one) for one in (*refused, full)}) == 4, "raising one adds to its traceback"


async def test_while_the_capacity_actor_is_away_new_sessions_wait_for_it(
    admissions: Admissions, keeper: Gatekeeper
):
    keeper.is_away = True
    waiting = come(admissions, 3)
    await asyncio.sleep(WAIT_S / 2)
    keeper.is_away = False

    assert await asyncio.gather(*waiting) == [place("w1")] * 3


async def test_a_capacity_actor_that_stays_away_is_told_in_the_end(
    admissions: Admissions, keeper: Gatekeeper
):
    keeper.is_away = True
    with pytest.raises(errors.WorkerUnavailableError):
        await admissions.place(applicant("s1"))


async def test_what_should_not_happen_is_told_to_those_that_asked_and_to_nobody_else(
    admissions: Admissions, keeper: Gatekeeper
):
    def fail(request: Request) -> Answer:
        raise RuntimeError("a fault of ours")

    keeper.answer = fail
    with pytest.raises(errors.InternalError):
        await admissions.place(applicant("s1"))
    keeper.answer = lambda request: place("w1")

    assert await admissions.place(applicant("s2")) == place("w1")


async def test_a_client_that_leaves_while_it_waits_leaves_the_queue(
    admissions: Admissions, keeper: Gatekeeper
):
    keeper.answer = lambda request: Waiting(1, 1)
    (waiting,) = come(admissions, 1)
    await asyncio.sleep(1.0)
    waiting.cancel()
    await asyncio.sleep(1.0)
    calls = len(keeper.calls)
    await asyncio.sleep(10.0)

    assert keeper.given_up == ["s0"]
    assert len(keeper.calls) == calls


async def test_a_place_that_comes_for_a_client_that_just_left_is_given_back(
    admissions: Admissions, keeper: Gatekeeper
):
    (waiting,) = come(admissions, 1)
    await asyncio.sleep(keeper.takes_s / 2)
    waiting.cancel()
    await asyncio.sleep(1.0)

    assert keeper.given_up == ["s0"]
    assert len(keeper.calls) == 2


async def test_a_flood_does_not_keep_those_that_wait_from_being_repeated(
    admissions: Admissions, keeper: Gatekeeper, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(admissions_module, "MAX_BATCH", 10)
    keeper.answer = lambda request: Waiting(1, 1) if request.session_id == "patient" else place("w1")
    patient = asyncio.ensure_future(admissions.place(applicant("patient")))
    await asyncio.sleep(1.0)
    flood = [asyncio.ensure_future(admissions.place(applicant(f"f{number}"))) for number in range(1000)]
    began = len(keeper.calls)
    await asyncio.gather(*flood)
    times = [call for call in keeper.calls[began:] if any(one.session_id == "patient" for one in call)]

    assert len(times) >= 4, "the flood took 1 s, and it is repeated every 0.2 s"
    patient.cancel()


def new(number: object) -> bytes:
    params = {"cwd": "/repo", "mcpServers": []}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "session/new", "params": params}).encode()


async def test_a_client_is_told_where_it_waits_and_gets_its_session_then(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    answers: list[Answer] = [Waiting(2, 9), place("w1")]

    async def admit(requests: list[Request], given_up: list[str]) -> list[Answer]:
        assert requests[0].owner.installation == "default"
        return [answers.pop(0)]

    monkeypatch.setattr(world.book, "admit", admit)
    client, outlet = world.client()
    client.take(new(7))
    await settle()
    assert outlet.connection == [
        {
            "jsonrpc": "2.0",
            "method": "_lumilink/admission",
            "params": {"requestId": 7, "position": 2, "of": 9, "deadlineInMs": 10000},
        }
    ]

    assert (await world.opened()).greeting["method"] == "session/new"


async def test_a_refused_session_is_answered_with_code_category_recovery_and_when_to_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    async def admit(requests: list[Request], given_up: list[str]) -> list[Answer]:
        return [errors.RateLimitedError("too fast", 0.5) for _ in requests]

    monkeypatch.setattr(world.book, "admit", admit)
    client, outlet = world.client()
    client.take(new(1))
    await settle()

    (answer,) = outlet.connection
    assert answer["error"] == {
        "code": errors.RateLimitedError.rpc_code,
        "message": "too fast",
        "data": {
            "code": "rate-limited",
            "category": "application",
            "retryable": True,
            "recovery": errors.RateLimitedError.recovery,
            "retryAfter": 0.5,
        },
    }


async def test_a_place_at_a_worker_that_cannot_be_reached_is_given_back(world: World):
    client, outlet = world.client()
    world.unreachable.add(place("w1").port)
    world.book.full = True
    client.take(new(1))
    await asyncio.sleep(1.0)

    assert errors_of(outlet) == {1: "capacity-exhausted"}
    assert [name for name, _ in world.book.asked].count("release") == 1


async def test_a_request_that_is_cancelled_while_it_waits_is_answered_and_leaves_the_queue(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    given_up: list[str] = []

    async def admit(requests: list[Request], gone: list[str]) -> list[Answer]:
        given_up.extend(gone)
        return [Waiting(1, 1) for _ in requests]

    monkeypatch.setattr(world.book, "admit", admit)
    client, outlet = world.client()
    client.take(new(1))
    await settle()
    client.take(b'{"jsonrpc":"2.0","method":"$/cancel_request","params":{"requestId":1}}')
    await asyncio.sleep(1.0)

    assert errors_of(outlet) == {1: "request-cancelled"}
    assert len(given_up) == 1
    assert client.applicants == {}


async def test_a_fork_takes_a_place_of_its_own_beside_its_original(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    asked: list[Request] = []

    async def admit(requests: list[Request], gone: list[str]) -> list[Answer]:
        asked.extend(requests)
        return [place("w1") for _ in requests]

    monkeypatch.setattr(world.book, "admit", admit)
    client, _ = world.client()
    client.take(request(1, "session/fork", cwd="/", mcpServers=[]))
    opened = await world.opened()

    (wanted,) = asked
    assert (wanted.beside, wanted.owner.installation) == (SESSION, "default")
    assert opened.greeting["new_session_id"] == wanted.session_id


@pytest.mark.parametrize(
    "refusal",
    [errors.RateLimitedError("too fast", 0.5), errors.CapacityError("full", 5.0)],
    ids=lambda one: one.code,
)
async def test_a_refusal_that_comes_at_once_is_raised_for_a_post_and_told_nowhere_else(
    world: World, monkeypatch: pytest.MonkeyPatch, refusal: errors.LumiLinkError
):
    async def admit(requests: list[Request], gone: list[str]) -> list[Answer]:
        return [refusal for _ in requests]

    monkeypatch.setattr(world.book, "admit", admit)
    client, outlet = world.client()
    with pytest.raises(type(refusal)) as raised:
        await client.take_new(parse(new(1), max_bytes=1000))

    assert raised.value.retry_after_s == refusal.retry_after_s
    assert outlet.connection == []
    assert not client.is_open(b"1")


async def test_a_post_does_not_wait_for_more_than_that_the_session_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    async def admit(requests: list[Request], gone: list[str]) -> list[Answer]:
        return [Waiting(1, 1) for _ in requests]

    monkeypatch.setattr(world.book, "admit", admit)
    client, outlet = world.client()
    began = now()
    await client.take_new(parse(new(1), max_bytes=1000))
    assert now() - began < 0.1
    assert outlet.connection[0]["method"] == "_lumilink/admission"
    await asyncio.sleep(20.0)

    assert errors_of(outlet) == {1: "capacity-exhausted"}, "what comes later is told on the connection"


async def test_a_post_does_not_wait_long_for_a_capacity_actor_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    async def admit(requests: list[Request], gone: list[str]) -> list[Answer]:
        raise errors.WorkerUnavailableError("the capacity actor does not answer", 2.0)

    monkeypatch.setattr(world.book, "admit", admit)
    client, outlet = world.client()
    began = now()
    await client.take_new(parse(new(1), max_bytes=1000))
    assert now() - began == pytest.approx(FIRST_WORD_S, abs=0.1)
    await asyncio.sleep(20.0)

    assert errors_of(outlet) == {1: "worker-unavailable"}


async def test_a_session_with_wrong_parameters_is_refused_on_the_connection_without_delay(world: World):
    client, outlet = world.client()
    began = now()
    await client.take_new(
        parse(b'{"jsonrpc":"2.0","id":1,"method":"session/new","params":{}}', max_bytes=1000)
    )

    assert now() - began < 0.1
    assert errors_of(outlet) == {1: "invalid-params"}
