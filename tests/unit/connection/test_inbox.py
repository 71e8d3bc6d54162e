"""Between the agent's link and the actor's mailbox: told once, in order, and bounded."""

import asyncio
import logging
from typing import cast

import pytest

from actors.agents.link import AgentLink, LinkClosed
from actors.connection.inbox import PAUSE_AT_BYTES, PAUSE_AT_FRAMES, READABLE, RETRY_S, AgentInbox
from actors.connection.messages import AgentGone
from actors.errors import ActorStoppedError, MailboxFullError
from actors.kernel import ActorRef


class Owner:
    """An actor's ref that notes what it is told, or refuses it."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.refusal: Exception | None = None

    def tell(self, message: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.told.append(message)


class Link:
    """A link that is read from, or not."""

    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def inbox(owner: Owner) -> AgentInbox:
    return AgentInbox(cast("ActorRef", owner), "agent")


def take_all(inbox: AgentInbox) -> list[object]:
    taken = []
    while (frame := inbox.take()) is not None:
        taken.append(frame)
    return taken


async def test_the_actor_is_told_once_until_it_has_read_everything(owner: Owner, inbox: AgentInbox):
    for word in (b"one", b"two", b"three"):
        inbox.agent_frame(word)
    assert owner.told == [READABLE]
    assert take_all(inbox) == [b"one", b"two", b"three"]
    inbox.agent_frame(b"four")

    assert owner.told == [READABLE, READABLE]


async def test_the_end_comes_last_and_once(owner: Owner, inbox: AgentInbox):
    closed = LinkClosed("it ended", clean=False)
    inbox.agent_frame(b"one")
    inbox.agent_closed(closed)

    assert take_all(inbox) == [b"one", AgentGone(closed)]
    assert owner.told == [READABLE]


async def test_the_end_is_told_also_when_nothing_was_said(owner: Owner, inbox: AgentInbox):
    inbox.agent_closed(LinkClosed("it ended", clean=True))

    assert owner.told == [READABLE]


async def test_a_full_mailbox_is_told_again(owner: Owner, inbox: AgentInbox):
    owner.refusal = MailboxFullError("full")
    inbox.agent_frame(b"one")
    inbox.agent_frame(b"two")
    await asyncio.sleep(3 * RETRY_S)
    assert owner.told == []
    owner.refusal = None
    await asyncio.sleep(2 * RETRY_S)

    assert owner.told == [READABLE]


async def test_what_the_agent_of_a_stopped_actor_says_has_no_reader(owner: Owner, inbox: AgentInbox):
    owner.refusal = ActorStoppedError("stopped")
    inbox.agent_frame(b"one")
    inbox.agent_closed(LinkClosed("it ended", clean=True))

    assert owner.told == []


@pytest.mark.parametrize(("frame", "count"), [(b"x", PAUSE_AT_FRAMES), (b"x" * (PAUSE_AT_BYTES // 4), 4)])
async def test_reading_stops_above_the_limit_and_goes_on_well_below(
    inbox: AgentInbox, frame: bytes, count: int
):
    link = Link()
    inbox.bind(cast("AgentLink", link))
    for _ in range(count):
        inbox.agent_frame(frame)
    assert link.reading
    inbox.agent_frame(frame)
    assert not link.reading
    inbox.agent_frame(frame)
    assert len(inbox) == count + 2, "what came all the same is kept"
    for _ in range(count // 2):
        inbox.take()
    assert not link.reading
    take_all(inbox)

    assert link.reading


async def test_what_the_agent_writes_to_its_log_is_logged_with_its_name(
    inbox: AgentInbox, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO):
        inbox.agent_log("a line")

    assert "agent: a line" in caplog.text
