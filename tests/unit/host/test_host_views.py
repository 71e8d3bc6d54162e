"""Streams of links become views of sessions, and end without leaving anything behind."""

import asyncio
from typing import cast

import pytest
from worker_world import CAPACITY, EchoAgent, Worker, settle

from actors import errors, host
from actors.connection.attachment import WINDOW_FRAMES
from actors.kernel.ref import ActorRef


def streams_of(worker: Worker) -> int:
    return len(worker.host._streams)


async def test_a_stream_that_opens_a_session_is_its_view(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.one.say(1, "session/prompt", "ses_1", prompt=[])

    assert worker.one.on(1) == ["answer", "echo", "answer"]
    assert worker.host.sessions() == ["ses_1"]


async def test_streams_are_told_apart_by_link_and_number(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.two.open(1, "ses_2")
    await worker.one.open(2, "ses_1", "session/load")
    worker.one.sent.clear()
    worker.two.sent.clear()
    agents[1].update("for the second session")
    await settle()

    assert worker.one.sent == []
    assert worker.two.on(1) == ["for the second session"]


async def test_data_and_credit_of_a_stream_that_is_not_there_change_nothing(
    worker: Worker, agents: list[EchoAgent]
):
    await worker.one.say(9, "session/prompt", "ses_1")
    worker.host.link_credit(worker.one.channel, 9, 1, 1)
    await worker.one.close(9)

    assert worker.one.sent == []


async def test_what_comes_while_a_session_is_let_go_sends_its_client_where_it_goes_on(
    worker: Worker, agents: list[EchoAgent]
):
    class Stopping:
        def tell(self, message: object) -> None:
            raise errors.ActorStoppedError("has stopped")

    await worker.one.open(1, "ses_1")
    hosted = worker.host._hosted.get("ses_1")
    assert hosted is not None
    hosted.holder, held = cast("ActorRef", Stopping()), hosted.holder
    await worker.one.say(1, "session/prompt", "ses_1", prompt=[])
    hosted.holder = held

    assert worker.one.on(1) == ["answer", "close session-moved"]


async def test_a_session_that_is_not_there_ends_the_stream(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_9", "session/load")

    assert worker.one.on(1) == ["close session-not-found"]
    assert streams_of(worker) == 0


@pytest.mark.parametrize(
    "method", ["session/load", "session/resume", "_lumilink/session/attach", "session/fork"]
)
async def test_a_session_of_another_installation_is_not_there(
    worker: Worker, agents: list[EchoAgent], method: str
):
    await worker.one.open(1, "ses_1", tenant="a")
    await worker.two.open(1, "ses_1", method, tenant="b", new_session_id="ses_2")

    assert worker.two.on(1) == ["close session-not-found"]
    assert worker.host.sessions() == ["ses_1"]
    assert worker.one.on(1) == ["answer"]


async def test_sessions_of_another_installation_are_not_listed(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1", tenant="a")
    await worker.one.open(2, "ses_2", tenant="b")

    assert [row["session_id"] for row in await worker.list("a")] == ["ses_1"]
    assert [row["session_id"] for row in await worker.list("b")] == ["ses_2"]
    assert await worker.list("c") == []


async def test_tenants_never_share_a_workspace_whatever_they_are_called(
    worker: Worker, agents: list[EchoAgent]
):
    await worker.one.open(1, "ses_1", tenant="a/b", workspace="c")
    await worker.one.open(2, "ses_2", tenant="a", workspace="b/c")

    assert [row["session_id"] for row in await worker.list("a/b")] == ["ses_1"]
    assert [row["session_id"] for row in await worker.list("a")] == ["ses_2"]


async def test_a_session_that_is_being_made_is_not_there_yet(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(EchoAgent, "slow", True)
    await worker.one.open(1, "ses_1")
    await worker.two.open(1, "ses_1", "session/load")

    assert worker.two.on(1) == ["close session-not-found"]
    assert worker.host.sessions() == ["ses_1"], "but its place is taken"
    assert await worker.list() == []


async def test_a_session_cannot_be_made_twice(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.two.open(1, "ses_1")

    assert worker.two.on(1) == ["close invalid-request"]
    await worker.one.say(1, "session/prompt", "ses_1", prompt=[])
    assert worker.one.on(1)[-1] == "answer", "the first one is as it was"


async def test_a_full_worker_takes_in_no_more(worker: Worker, agents: list[EchoAgent]):
    for number in range(CAPACITY):
        await worker.one.open(number, f"ses_{number}")
    await worker.one.open(10, "ses_10")
    await worker.one.open(11, "ses_0", "session/fork", new_session_id="ses_11")

    assert worker.one.on(10) == worker.one.on(11) == ["close capacity-exhausted"]
    assert len(worker.host.sessions()) == CAPACITY
    assert len(agents) == CAPACITY


async def test_what_was_closed_makes_room(worker: Worker, agents: list[EchoAgent]):
    for number in range(CAPACITY):
        await worker.one.open(number, f"ses_{number}")
    await worker.one.say(0, "session/close", "ses_0")
    await worker.one.open(10, "ses_10")

    assert worker.one.on(0) == ["answer", "answer", "close session-closed"]
    assert worker.one.on(10) == ["answer"]
    assert streams_of(worker) == CAPACITY


async def test_a_session_that_could_not_be_made_leaves_nothing(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(EchoAgent, "slow", True)
    await worker.one.open(1, "ses_1")
    await asyncio.sleep(worker.settings.connection.agent_start_timeout_s + 1.0)

    assert worker.one.on(1) == ["close agent-timeout"]
    assert worker.host.sessions() == []
    assert streams_of(worker) == 0
    assert agents[0].closed


async def test_a_workspace_with_a_full_mailbox_gives_the_place_back(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise errors.MailboxFullError("full")

    monkeypatch.setattr("actors.kernel.ref.ActorRef.tell", refuse)
    await worker.one.open(1, "ses_1")

    assert worker.one.on(1) == ["close mailbox-full"]
    assert worker.host.sessions() == []
    assert streams_of(worker) == 0


async def test_giving_up_a_session_that_is_being_made_ends_it(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(EchoAgent, "slow", True)
    await worker.one.open(1, "ses_1")
    await worker.one.say(1, "session/prompt", "ses_1")
    assert worker.one.on(1) == [], "nothing else can be said to it yet"
    await worker.one.say(1, "$/cancel_request", "ses_1", None, requestId=1)

    assert worker.one.on(1) == ["close request-cancelled"]
    assert streams_of(worker) == 0


async def test_a_client_that_leaves_before_its_session_is_made_leaves_none(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(EchoAgent, "slow", True)
    await worker.one.open(1, "ses_1")
    await worker.one.close(1)
    agents[0].answer_last({"sessionId": "a1"})
    await settle()

    assert worker.one.on(1) == []
    assert worker.host.sessions() == []
    assert agents[0].closed


async def test_a_lost_link_ends_its_views_and_no_other(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.one.open(2, "ses_2")
    await worker.two.open(1, "ses_1", "session/load")
    worker.one.sent.clear()
    await worker.one.lose()
    agents[0].update("still here")
    await settle()

    assert worker.one.sent == []
    assert worker.two.on(1) == ["answer", "still here"]
    assert streams_of(worker) == 1
    assert {row["session_id"]: row["attachments"] for row in await worker.list()} == {"ses_1": 1, "ses_2": 0}


async def test_a_client_that_leaves_is_detached_even_if_the_mailbox_is_full(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise errors.MailboxFullError("full")

    await worker.one.open(1, "ses_1")
    await worker.one.open(2, "ses_2")
    with monkeypatch.context() as patch:
        patch.setattr("actors.kernel.ref.ActorRef.tell", refuse)
        await worker.one.lose()
        assert streams_of(worker) == 0
    await asyncio.sleep(2 * host.RETRY_S)

    assert [row["attachments"] for row in await worker.list()] == [0, 0]


async def test_a_view_that_the_session_ended_is_forgotten(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.two.open(1, "ses_1", "session/load")
    await worker.one.say(1, "session/close", "ses_1")

    assert worker.two.on(1) == ["answer", "close session-closed"]
    assert streams_of(worker) == 0


async def test_a_view_cut_off_for_a_full_mailbox_is_told_and_detached(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise errors.MailboxFullError("full")

    await worker.one.open(1, "ses_1")
    with monkeypatch.context() as patch:
        patch.setattr("actors.kernel.ref.ActorRef.tell", refuse)
        await worker.one.say(1, "session/prompt", "ses_1", prompt=[])
    await asyncio.sleep(2 * host.RETRY_S)

    assert worker.one.on(1) == ["answer", "close mailbox-full"]
    assert streams_of(worker) == 0
    assert [row["attachments"] for row in await worker.list()] == [0]


async def test_a_stream_opened_anew_takes_the_place_of_the_old_view(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.one.open(1, "ses_1", "session/resume")

    assert streams_of(worker) == 1
    assert [row["attachments"] for row in await worker.list()] == [1]


async def test_a_client_that_attaches_anew_leaves_nothing_of_its_former_view(
    worker: Worker, agents: list[EchoAgent]
):
    await worker.one.open(1, "ses_1", client="c")
    await worker.one.open(2, "ses_1", "session/load", client="c")
    agents[0].update("once")
    await settle()

    assert worker.one.on(1) == ["answer"]
    assert worker.one.on(2) == ["answer", "once"]
    assert streams_of(worker) == 1
    assert [row["attachments"] for row in await worker.list()] == [1]


async def test_a_client_that_fell_behind_goes_on_by_credit(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    for number in range(2 * WINDOW_FRAMES):
        agents[0].update(str(number))
    for _ in range(20):
        await settle()
    assert len(worker.one.on(1)) == WINDOW_FRAMES
    worker.host.link_credit(worker.one.channel, 1, 10, 10_000)
    await settle()
    assert len(worker.one.on(1)) == WINDOW_FRAMES + 10
    worker.host.link_credit(worker.one.channel, 1, WINDOW_FRAMES + 1, 10**6)
    await settle()

    assert worker.one.on(1)[1:] == [str(number) for number in range(2 * WINDOW_FRAMES)]


async def test_credit_is_not_lost_when_the_mailbox_is_full(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object) -> None:
        raise errors.MailboxFullError("full")

    await worker.one.open(1, "ses_1")
    for number in range(WINDOW_FRAMES + 5):
        agents[0].update(str(number))
    for _ in range(20):
        await settle()
    with monkeypatch.context() as patch:
        patch.setattr("actors.kernel.ref.ActorRef.tell", refuse)
        worker.host.link_credit(worker.one.channel, 1, WINDOW_FRAMES, 10**6)
    await asyncio.sleep(2 * host.RETRY_S)

    assert len(worker.one.on(1)) == WINDOW_FRAMES + 6


async def test_the_end_of_congestion_wakes_the_views_of_that_link(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.two.open(1, "ses_1", "session/resume")
    worker.one.congested = worker.two.congested = True
    agents[0].update("late")
    await settle()
    worker.one.congested = False
    worker.host.link_writable(worker.one.channel)
    await settle()

    assert worker.one.on(1) == ["answer", "late"]
    assert worker.two.on(1) == ["answer"]


async def test_a_fork_is_a_session_of_the_same_tenant(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.one.open(2, "ses_1", "session/fork", new_session_id="ses_2")
    await worker.one.say(2, "session/prompt", "ses_2", prompt=[])

    assert worker.one.on(2) == ["answer", "echo", "answer"]
    assert sorted(str(row["session_id"]) for row in await worker.list()) == ["ses_1", "ses_2"]
    await worker.two.open(1, "ses_2", "session/load", tenant="b")
    assert worker.two.on(1) == ["close session-not-found"]


@pytest.mark.parametrize("greeting", [{}, {"method": "session/new"}, {"of": "another version"}])
async def test_a_greeting_of_another_version_ends_the_stream_only(
    worker: Worker, agents: list[EchoAgent], greeting: dict[str, object]
):
    worker.host.link_open(worker.one.channel, 1, "ses_1", greeting)

    assert worker.one.on(1) == ["close invalid-request"]
    assert streams_of(worker) == 0


async def test_a_method_that_attaches_nobody_ends_the_stream(worker: Worker, agents: list[EchoAgent]):
    await worker.one.open(1, "ses_1")
    await worker.one.open(2, "ses_1", "session/prompt")

    assert worker.one.on(2) == ["close method-not-found"]


async def test_a_worker_that_drains_hands_over_so_many_workspaces_at_a_time_until_its_deadline(
    worker: Worker, agents: list[EchoAgent], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(host, "HAND_OVERS_AT_ONCE", 1)
    for number in range(3):
        await worker.one.open(number, f"ses_{number}", workspace=f"ws-{number}")
    worker.host.drain()
    left = []
    for deadline_s in (60.0, 60.0, 0.0):
        worker.host.hand_over(deadline_s)
        await settle()
        left.append(len(worker.host.sessions()))

    assert left == [2, 1, 0]
    assert worker.host.is_drained
    assert worker.one.on(0) == ["answer", "close session-moved"]
