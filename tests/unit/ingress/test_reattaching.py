"""A worker is lost: its clients' views come back, and the clients notice nothing."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replica_world import SESSION, Opened, World, errors_of, load, notices_of, place, request, settle, soon

from actors import errors
from actors.kernel.testing import ClockJumpLoop
from serve.ingress.reattaching import MAX_HOPS, REATTACH_S
from serve.ingress.views import MAX_WAITING


async def test_a_view_is_opened_again_after_the_last_event_that_the_client_got(world: World):
    _, outlet, opened = await world.attached(seq=3)
    opened.says(b"four", 4)
    opened.says(b"no event")
    world.worker_dies(place("w2"))
    again = await world.opened(2)

    assert again.session_id == SESSION
    assert again.greeting["method"] == again.request["method"] == "_lumilink/session/attach"
    assert again.request["params"] == {"sessionId": SESSION, "afterSeq": 4}
    assert (again.greeting["after_seq"], again.greeting["reattach"]) == (4, True)
    assert (again.greeting["client"], again.greeting["installation"]) == ("conn_1", "default")
    again.says(b"five", 5)
    again.attaches(5)
    assert outlet.session == [b"four", b"no event", b"five"], "and our own answer is not the client's"
    assert outlet.connection == []


async def test_the_cursor_begins_where_the_answer_to_the_clients_request_says(world: World):
    client, _ = world.client()
    client.take(request(1, "session/resume", cwd="/"))
    (await world.opened()).loads(41)
    world.worker_dies(place("w2"))

    assert (await world.opened(2)).greeting["after_seq"] == 41


async def test_what_the_client_asked_to_be_told_of_it_is_told_of_again(world: World):
    client, _ = world.client()
    about = {"lumilink": {"turns": True, "status": True, "role": "observer"}}
    client.take(request(1, "session/load", cwd="/", mcpServers=[], _meta=about))
    (await world.opened()).loads(3)
    world.worker_dies(place("w2"))
    again = (await world.opened(2)).greeting

    assert (again["turns"], again["status"], again["role"]) == (True, True, "observer")


async def test_prompts_go_on_waiting_and_other_requests_have_ended(world: World):
    client, outlet, _ = await world.attached()
    client.take(request(1, "session/prompt", prompt=[]))
    client.take(request("two", "session/set_mode", modeId="x"))
    client.take(request("1", "session/prompt", prompt=[]))
    world.worker_dies(place("w2"))
    assert errors_of(outlet) == {"two": "link-broken"}
    again = await world.opened(2)

    assert again.greeting["pending"] == (b"1", b'"1"')
    again.attaches()
    again.answers("1", {"stopReason": "end_turn"})
    again.answers("two", {})
    again.answers("1", {"stopReason": "end_turn"})
    answered = [json.loads(message)["id"] for message in outlet.session]
    assert answered == ["1"], "each request has one answer"


async def test_a_dead_life_is_named_and_a_living_one_is_not(world: World):
    _, _, opened = await world.attached()
    opened.channel.breaks()
    alive = await world.opened(2)
    assert alive.channel.port == opened.channel.port
    assert alive.greeting["dead"] == ""
    alive.attaches()
    world.worker_dies(place("w1", life=2))

    assert (await world.opened(3)).greeting["dead"] == place("w1").life


async def test_a_session_that_another_living_worker_has_makes_nobody_dead(world: World):
    _, _, opened = await world.attached()
    world.book.living.append(place("w2"))
    world.book.homes[SESSION] = place("w2")
    opened.channel.breaks()
    again = await world.opened(2)

    assert again.channel.port == place("w2").port
    assert again.greeting["dead"] == ""


async def test_what_the_client_says_meanwhile_is_said_in_order_once_the_worker_is_there(world: World):
    client, outlet, opened = await world.attached()
    world.worker_dies(place("w2"))
    for number in range(3):
        client.take(request(number, "session/prompt", prompt=[]))
    again = await world.opened(2)
    assert again.told() == [], "a worker that refuses the view would have lost it"
    assert again.greeting["pending"] == (), "no worker was told of these"
    again.attaches()
    client.take(request(3, "session/prompt", prompt=[]))

    assert [message["id"] for message in again.told()] == [0, 1, 2, 3]
    assert opened.told() == []
    assert errors_of(outlet) == {}


async def test_what_waits_is_bounded(world: World):
    client, outlet, _ = await world.attached()
    world.worker_dies()
    for number in range(MAX_WAITING + 1):
        client.take(request(number, "session/prompt", prompt=[]))
    assert errors_of(outlet) == {MAX_WAITING: "mailbox-full"}
    client.take(
        json.dumps({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": SESSION}}).encode()
    )
    assert [notice["code"] for notice in notices_of(outlet)] == ["mailbox-full"]
    world.book.living = [place("w2")]
    again = await world.opened(2)
    again.attaches()

    assert [message["id"] for message in again.told()] == list(range(MAX_WAITING))


async def test_after_half_a_minute_without_a_worker_the_view_ends(world: World):
    client, outlet, _ = await world.attached()
    client.take(request(1, "session/prompt", prompt=[]))
    loop, begin = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    world.worker_dies()
    client.take(request(2, "session/prompt", prompt=[]))
    while not errors_of(outlet):
        await asyncio.sleep(0.1)

    assert loop.time() - begin == pytest.approx(REATTACH_S, abs=0.2)
    assert errors_of(outlet) == {1: "link-broken", 2: "link-broken"}
    assert client.views == {}
    asked = [what for what, _ in world.book.asked]
    assert 15 <= asked.count("relocate") <= 40, "with pauses that double up to two seconds"


async def test_a_view_that_ends_with_nothing_open_ends_with_a_notice(world: World):
    _, outlet, _ = await world.attached()
    world.worker_dies()
    await asyncio.sleep(REATTACH_S + 0.1)

    [notice] = notices_of(outlet)
    assert (notice["kind"], notice["sessionId"], notice["code"]) == ("session-ended", SESSION, "link-broken")


async def test_a_worker_that_does_not_answer_is_not_waited_for_longer(world: World):
    _, outlet, _ = await world.attached()
    world.worker_dies(place("w2"))
    again = await world.opened(2)
    await asyncio.sleep(REATTACH_S + 0.1)

    assert [notice["code"] for notice in notices_of(outlet)] == ["link-broken"]
    assert again.channel.closed == [again.stream]
    again.attaches()
    again.says(b"too late", 1)
    assert outlet.session == []


async def test_no_room_is_no_end(world: World):
    _, outlet, _ = await world.attached()
    world.book.full = True
    world.worker_dies(place("w2"))
    await asyncio.sleep(5.0)
    world.book.full = False
    (await world.opened(2)).attaches()

    assert outlet.connection == []


async def test_a_client_whose_missed_events_are_gone_is_told_so_and_shown_the_rest(world: World):
    client, outlet, _ = await world.attached()
    client.take(request(1, "session/prompt", prompt=[]))
    world.worker_dies(place("w2"))
    again = await world.opened(2)
    again.says(b"reset")
    again.says(b"event 9", 9)
    again.attaches(9, reset=True)
    again.answers(1, {"stopReason": "end_turn"})

    assert outlet.session[:2] == [b"reset", b"event 9"]
    assert outlet.connection == []
    assert client.views[SESSION].cursor == 9


@pytest.mark.parametrize("error", [errors.JournalUnavailableError("busy"), errors.SessionMovedError("again")])
async def test_a_refusal_that_may_pass_is_tried_again(world: World, error: errors.LumiLinkError):
    _, outlet, _ = await world.attached()
    world.worker_dies(place("w2"))
    (await world.opened(2)).closes(error)
    again = await world.opened(3)
    assert again.greeting["dead"] == place("w1").life, "it is as dead as it was"
    again.attaches()

    assert outlet.connection == []


async def test_a_view_that_is_cut_off_for_its_slowness_is_not_opened_once_more(world: World):
    _, outlet, _ = await world.attached(seq=4)
    world.worker_dies(place("w2"))
    again = await world.opened(2)
    again.closes(errors.SlowConsumerError("256 answers wait to be read"))
    await asyncio.sleep(1.0)

    assert [notice["code"] for notice in notices_of(outlet)] == ["slow-consumer"]
    assert len(world.all_opened()) == 2


async def test_a_refusal_that_stays_ends_the_view_and_gives_the_place_back(world: World):
    _, outlet, _ = await world.attached()
    world.worker_dies(place("w2"))
    (await world.opened(2)).closes(errors.SessionNotFoundError("no such session"))
    await settle()

    assert [notice["code"] for notice in notices_of(outlet)] == ["session-not-found"]
    assert ("release", SESSION) in world.book.asked


async def test_a_link_that_breaks_on_the_way_back_is_one_more_attempt(world: World):
    client, outlet, _ = await world.attached()
    client.take(request(1, "session/prompt", prompt=[]))
    world.worker_dies(place("w2"))
    await world.opened(2)
    world.worker_dies(place("w3"))
    again = await world.opened(3)

    assert again.greeting["pending"] == (b"1",)
    assert again.greeting["dead"] == place("w2").life
    again.attaches()
    assert outlet.connection == []


async def test_a_worker_that_cannot_be_reached_is_asked_about(world: World):
    await world.attached()
    world.unreachable.add(place("w2").port)
    world.worker_dies(place("w2"))
    await settle()
    world.book.living = [place("w3")]

    assert (await world.opened(2)).channel.port == place("w3").port
    assert ("relocate", (1, place("w2").life)) in world.book.asked


async def test_a_thousand_sessions_of_a_lost_worker_are_one_question(world: World):
    world.on_open = lambda opened: soon(opened.attaches, 7)
    client, outlet = world.client()
    for number in range(1000):
        client.take(load(number, f"sess_{number}"))
    await world.opened(1000)
    world.worker_dies(place("w2"))
    await settle()

    assert len(world.all_opened()) == 2000
    assert world.book.asked == [
        ("relocate", (1000, place("w1").life)),
        ("whereis", place("w1").life),
    ]
    assert outlet.connection == []


async def test_a_worker_without_the_workspace_says_who_has_it(world: World):
    _, outlet, _ = await world.attached()
    world.worker_dies(place("w2"), place("w3"))
    (await world.opened(2)).moves(place("w3").life)
    again = await world.opened(3)

    assert again.channel.port == place("w3").port
    assert again.greeting["dead"] == place("w1").life
    again.attaches()
    assert outlet.connection == []


async def test_a_holder_that_is_dead_is_named_to_the_worker_that_knows_it_as_the_holder(world: World):
    await world.attached()
    world.worker_dies(place("w2"))
    refused = await world.opened(2)
    refused.moves("gw:w9:1")
    again = await world.opened(3)

    assert again.channel is refused.channel
    assert again.greeting["dead"] == "gw:w9:1"


async def test_workers_that_send_each_other_the_session_are_not_followed_for_ever(world: World):
    def pass_on(opened: Opened) -> None:
        other = place("w2") if opened.channel.port == place("w3").port else place("w3")
        soon(opened.moves, other.life)

    _, outlet, _ = await world.attached()
    world.on_open = pass_on
    world.worker_dies(place("w2"), place("w3"))
    await settle()
    assert len(world.all_opened()) == 1 + MAX_HOPS, "then there is a pause"
    await asyncio.sleep(REATTACH_S + 0.1)

    assert [notice["code"] for notice in notices_of(outlet)] == ["link-broken"]


async def test_sessions_that_a_worker_gave_away_come_back_together_after_a_pause(world: World):
    world.on_open = lambda opened: soon(opened.attaches, 7)
    client, outlet = world.client()
    for number in range(10):
        client.take(load(number, f"sess_{number}"))
    await world.opened(10)
    for opened in world.all_opened():
        opened.closes(errors.SessionMovedError("drained"))
    await settle()
    assert world.book.asked == []
    await world.opened(20)

    assert world.book.asked == [("relocate", (10, place("w1").life))]
    assert outlet.connection == []


async def test_any_other_end_is_told_as_it_was(world: World):
    _, outlet, opened = await world.attached()
    opened.closes(errors.SlowConsumerError("too late"))

    assert [notice["code"] for notice in notices_of(outlet)] == ["slow-consumer"]


async def test_a_client_that_leaves_meanwhile_is_not_brought_back(world: World):
    client, outlet, _ = await world.attached()
    world.worker_dies()
    await client.close()
    world.book.living = [place("w2")]
    await asyncio.sleep(REATTACH_S)

    assert len(world.all_opened()) == 1
    assert outlet.connection == []


async def test_a_client_that_leaves_while_it_is_attached_again_is_taken_off_the_worker(world: World):
    client, outlet, _ = await world.attached()
    world.worker_dies(place("w2"))
    again = await world.opened(2)
    await client.close()
    again.attaches()
    await asyncio.sleep(REATTACH_S)

    assert again.channel.closed == [again.stream]
    assert (len(world.all_opened()), outlet.connection, outlet.session) == (2, [], [])


async def test_loading_the_session_meanwhile_takes_over_what_waits(world: World):
    client, outlet, _ = await world.attached()
    client.take(request(1, "session/prompt", prompt=[]))
    world.worker_dies()
    client.take(request(2, "session/prompt", prompt=[]))
    world.book.living = [place("w2")]
    client.take(load(3))
    await settle()
    loaded = max(world.all_opened(), key=lambda one: one.stream)
    assert loaded.request["id"] == 3
    assert loaded.greeting["pending"] == (b"1",)
    assert errors_of(outlet) == {2: "link-broken"}, "no worker was told of it"
    loaded.loads()
    loaded.answers(1, {"stopReason": "end_turn"})
    await asyncio.sleep(REATTACH_S)

    assert [json.loads(message)["id"] for message in outlet.session] == [1]
    assert len(client.views) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["event", "private", "break", "give away", "prompt"]), max_size=40))
def test_every_event_is_passed_on_once_and_in_order_whatever_breaks(script: list[str]):
    class Journal:
        """One session and its worker, which shows what came after the cursor and then what happens."""

        def __init__(self) -> None:
            self.seq = 0
            self.watcher: Opened | None = None
            self.prompts = 0

        def opened(self, opened: Opened) -> None:
            soon(self.show, opened)

        def show(self, opened: Opened) -> None:
            if not opened.channel.is_open:
                return
            for seq in range(int(str(opened.greeting["after_seq"])) + 1, self.seq + 1):
                opened.says(b"%d" % seq, seq)
            opened.attaches(self.seq)
            self.watcher = opened

        def event(self) -> None:
            self.seq += 1
            if self.watcher is not None and self.watcher.channel.is_open:
                self.watcher.says(b"%d" % self.seq, self.seq)

    async def scenario() -> None:
        with pytest.MonkeyPatch.context() as monkeypatch:
            world, journal = World(monkeypatch), Journal()
            world.on_open = journal.opened
            client, outlet = world.client()
            client.take(load("load"))
            await settle()
            for number, step in enumerate(script):
                watcher = journal.watcher
                if step == "event":
                    journal.event()
                elif step == "break":
                    world.worker_dies(place("w1", life=2 + number))
                elif step == "prompt":
                    client.take(request(number, "session/prompt", prompt=[]))
                elif watcher is not None and watcher.channel.is_open:
                    if step == "private":
                        watcher.says(b"private")
                    else:
                        watcher.closes(errors.SessionMovedError("drained"))
                        journal.watcher = None
                if number % 3 == 0:
                    await settle()
            await asyncio.sleep(5.0)
            events = [int(message) for message in outlet.session if message.isdigit()]
            assert events == list(range(1, journal.seq + 1))
            assert outlet.connection == []

    loop = ClockJumpLoop()
    try:
        loop.run_until_complete(scenario())
    finally:
        loop.close()
