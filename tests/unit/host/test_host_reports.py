"""What a worker tells the rest of the cluster: its sessions, its agent, itself."""

import asyncio
from collections.abc import Callable
from typing import cast

import pytest
from worker_world import CAPACITY, EchoAgent, Worker, settle

from actors import errors, host, inquiries
from actors.agents import profile as profiles
from actors.agents.probe import AgentProfile
from actors.agents.target import AgentTarget
from actors.capacity.roll import Owner
from actors.connection.messages import ConnectionSettings
from actors.link.endpoint import LinkAddress
from actors.storage import StorageSettings


async def test_a_report_names_what_is_held_and_what_ended_since_the_last(
    worker: Worker, agents: list[EchoAgent]
):
    worker.host.address = LinkAddress("127.0.0.1", 7001)
    await worker.one.open(1, "ses_1")
    first = worker.host.report()
    await worker.one.open(2, "ses_2")
    await worker.one.say(2, "session/close", "ses_2")
    second = worker.host.report()
    third = worker.host.report()

    assert (first.worker_id, first.port, first.capacity) == ("w1", 7001, CAPACITY)
    assert (first.sessions, first.ended) == ({"ses_1": Owner("a", "ws")}, [])
    assert (second.sessions, second.ended) == ({"ses_1": Owner("a", "ws")}, ["ses_2"])
    assert third.ended == []


async def test_a_session_that_could_not_be_made_is_reported_as_ended(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    worker.host.address = LinkAddress("127.0.0.1", 7001)
    monkeypatch.setattr(EchoAgent, "slow", True)
    await worker.one.open(1, "ses_1")
    await worker.one.say(1, "$/cancel_request", "ses_1", None, requestId=1)
    await asyncio.sleep(worker.settings.connection.agent_start_timeout_s + 1.0)

    assert worker.host.report().ended == ["ses_1"]


async def test_sessions_are_described_even_if_one_of_them_does_not_answer(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    await worker.one.open(1, "ses_1")
    await worker.one.open(2, "ses_2", workspace="other")
    stuck = worker.host._hosted._hosted["ses_1"].holder
    ask = type(stuck).ask

    async def ask_or_wait(ref: object, message: object, deadline_s: float) -> object:
        if ref is stuck:
            await asyncio.sleep(deadline_s)
            raise errors.AskDeadlineError("too late")
        return await ask(ref, message, deadline_s)  # type: ignore[arg-type] # a ref

    monkeypatch.setattr("actors.kernel.ref.ActorRef.ask", ask_or_wait)
    begin = asyncio.get_running_loop().time()

    rows = {row["session_id"]: row["loaded"] for row in await worker.list()}
    assert rows == {"ses_1": False, "ses_2": True}, "of the stuck one there is what the journal has"
    assert asyncio.get_running_loop().time() - begin <= inquiries.DESCRIBE_DEADLINE_S + 0.1


async def test_a_row_says_what_lists_show(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    (row,) = await worker.list()

    assert row.pop("updated_at")
    assert cast("dict[str, object]", row.pop("connection"))["state"] == "connected"
    assert row == {
        "session_id": "ses_1",
        "installation": "a",
        "workspace_id": "ws",
        "cwd": "/w",
        "title": None,
        "attachments": 1,
        "roles": {"driver": 1},
        "turn": "idle",
        "loaded": True,
    }


async def test_an_unknown_question_is_refused(worker: Worker, agents: list[EchoAgent]):
    with pytest.raises(errors.MethodNotFoundError):
        await worker.host.link_call(worker.one.channel, "secrets", {})


def probing(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], AgentProfile]) -> list[float]:
    """Replace the probe of the agent; returns when it was asked."""
    asked: list[float] = []

    async def probe(*_: object) -> AgentProfile:
        asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(1.0)
        return answer()

    monkeypatch.setattr(profiles, "probe", probe)
    return asked


def profile() -> AgentProfile:
    return AgentProfile(b'{"protocolVersion":1}', 1)


async def test_the_agent_is_probed_once_for_all_who_ask_at_a_time(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    asked = probing(monkeypatch, profile)
    calls = [worker.host.link_call(worker.one.channel, "profile", {}) for _ in range(5)]

    assert await asyncio.gather(*calls) == [b'{"protocolVersion":1}'] * 5
    assert len(asked) == 1


async def test_the_answer_of_the_probe_is_kept_for_a_while(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    asked = probing(monkeypatch, profile)
    await worker.host.link_call(worker.one.channel, "profile", {})
    await asyncio.sleep(profiles.PROFILE_TTL_S - 10.0)
    await worker.host.link_call(worker.one.channel, "profile", {})
    assert len(asked) == 1
    await asyncio.sleep(20.0)
    await worker.host.link_call(worker.one.channel, "profile", {})

    assert len(asked) == 2


async def test_a_probe_that_failed_is_not_kept(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    def fail() -> AgentProfile:
        raise errors.AgentStartError("no such command")

    asked = probing(monkeypatch, fail)
    for _ in range(2):
        with pytest.raises(errors.AgentStartError):
            await worker.host.link_call(worker.one.channel, "profile", {})

    assert len(asked) == 2


async def test_whoever_stops_waiting_for_the_probe_does_not_end_it_for_others(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    probing(monkeypatch, profile)
    impatient = asyncio.ensure_future(worker.host.link_call(worker.one.channel, "profile", {}))
    patient = asyncio.ensure_future(worker.host.link_call(worker.one.channel, "profile", {}))
    await settle()
    impatient.cancel()

    assert await patient == b'{"protocolVersion":1}'


async def test_a_worker_that_stops_ends_sessions_agents_and_its_probe(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    ended: list[str] = []

    async def probe(*_: object) -> AgentProfile:
        try:
            await asyncio.sleep(1000.0)
        finally:
            await asyncio.sleep(0.5)
            ended.append("probe")
        return profile()

    monkeypatch.setattr(profiles, "probe", probe)
    asking = asyncio.ensure_future(worker.host.link_call(worker.one.channel, "profile", {}))
    await worker.one.open(1, "ses_1")
    await worker.host.stop()

    assert worker.one.on(1)[-1] == "close gateway-stopping"
    assert agents[0].closed
    assert worker.host.sessions() == []
    assert ended == ["probe"], "it had time to end its process"
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_worker_that_has_stopped_takes_nothing_in(worker: Worker, agents: list[EchoAgent]):
    await worker.host.stop()
    await worker.one.open(1, "ses_1")

    assert worker.one.on(1) == ["close actor-stopped"]
    assert worker.host.sessions() == []


def test_the_cluster_secret_and_the_agents_credentials_are_not_shown():
    connection = ConnectionSettings(target=AgentTarget.parse("ws://user:s3cret@127.0.0.1/acp"))
    storage = StorageSettings("gateway", "redis://user:s3cret@127.0.0.1", seal_key="s3cret")
    settings = host.WorkerSettings("w1", "127.0.0.1", "s3cret", 1, connection, storage)

    assert "s3cret" not in repr(settings)
