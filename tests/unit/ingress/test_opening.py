"""The first way to a session: to its worker, to the one that holds its workspace, past one that is dead."""

import asyncio
import json

import pytest
from replica_world import SESSION, World, errors_of, load, place, request, settle

from actors import errors
from serve.ingress.reattaching import MAX_HOPS


def new(number: object) -> bytes:
    params = {"cwd": "/repo", "mcpServers": []}
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": "session/new", "params": params}).encode()


async def test_a_request_that_is_still_opening_ends_with_its_link(world: World):
    client, outlet = world.client()
    client.take(load(1))
    await world.opened()
    world.worker_dies(place("w2"))
    await asyncio.sleep(60.0)

    assert errors_of(outlet) == {1: "link-broken"}
    assert (len(world.all_opened()), client.views) == (1, {})


@pytest.mark.parametrize("frame", [load(1), new(1), request(1, "session/fork", cwd="/", mcpServers=[])])
async def test_the_clients_own_request_follows_the_workspace(world: World, frame: bytes):
    client, outlet = world.client()
    world.book.living.append(place("w2"))
    client.take(frame)
    first = await world.opened()
    first.moves(place("w2").life)
    again = await world.opened(2)

    assert again.channel.port == place("w2").port
    assert again.session_id == first.session_id
    assert again.greeting == first.greeting
    again.loads()
    assert [message["id"] for message in outlet.opens] == [1]
    assert outlet.connection == []


async def test_a_workspace_whose_holder_is_dead_is_opened_where_it_was_asked_for(world: World):
    client, outlet = world.client()
    client.take(load(1))
    first = await world.opened()
    first.moves("gw:w9:1")
    again = await world.opened(2)

    assert again.channel is first.channel
    assert again.greeting == {**first.greeting, "dead": "gw:w9:1"}
    again.loads()
    assert len(outlet.opens) == 1


async def test_a_holder_whose_link_cannot_be_opened_is_found_dead(world: World):
    client, _ = world.client()
    world.book.living.append(place("w2"))
    world.unreachable.add(place("w2").port)
    client.take(load(1))
    (await world.opened()).moves(place("w2").life)
    await settle()
    again = await world.opened(2)

    assert again.channel.port == place("w1").port
    assert ("relocate", (1, place("w2").life)) in world.book.asked


async def test_a_request_that_is_sent_about_is_answered_in_the_end(world: World):
    client, outlet = world.client()
    world.book.living.append(place("w2"))
    client.take(load(1))
    for number in range(MAX_HOPS + 1):
        opened = await world.opened(number + 1)
        opened.moves(place("w2" if number % 2 == 0 else "w1").life)
    await settle()

    assert errors_of(outlet) == {1: "session-moved"}
    assert len(world.all_opened()) == MAX_HOPS + 1


async def test_a_cancel_of_a_request_that_is_on_its_way_reaches_the_worker_that_gets_it(world: World):
    client, _ = world.client()
    world.book.living.append(place("w2"))
    client.take(new(1))
    (await world.opened()).moves(place("w2").life)
    client.take(b'{"jsonrpc":"2.0","method":"$/cancel_request","params":{"requestId":1}}')
    again = await world.opened(2)

    assert [message["method"] for message in again.told()] == ["$/cancel_request"]


async def test_a_client_that_leaves_while_its_request_is_sent_on_opens_nothing(world: World):
    client, outlet = world.client()
    world.book.living.append(place("w2"))
    client.take(load(1))
    (await world.opened()).moves(place("w2").life)
    await client.close()
    await asyncio.sleep(1.0)

    assert (len(world.all_opened()), outlet.connection) == (1, [])


async def test_a_session_of_a_worker_that_is_dead_is_opened_where_it_goes(world: World):
    client, outlet = world.client()
    world.book.homes[SESSION] = place("w1")
    world.unreachable.add(place("w1").port)
    client.take(load(1))
    for _ in range(3):
        await asyncio.sleep(0)
    world.book.homes.clear()
    world.book.living = [place("w2")]
    opened = await world.opened()

    assert opened.channel.port == place("w2").port
    assert opened.greeting["dead"] == place("w1").life
    assert opened.greeting["reattach"] is False
    opened.loads()
    assert errors_of(outlet) == {}


async def test_a_session_that_is_not_there_gives_its_place_back(world: World):
    client, outlet = world.client()
    client.take(load(1))
    (await world.opened()).closes(errors.SessionNotFoundError("no such session"))
    await settle()

    assert errors_of(outlet) == {1: "session-not-found"}
    assert world.book.asked == [("release", SESSION)]


async def test_loading_again_opens_the_new_view_and_closes_the_old_one(world: World):
    client, outlet, old = await world.attached(seq=5)
    client.take(request("p", "session/prompt", prompt=[]))
    client.take(load(2))
    new_view = await world.opened(2)
    assert old.channel.closed == [old.stream]
    assert new_view.greeting["pending"] == (b'"p"',)
    old.says(b"nobody looks", 6)
    new_view.loads(6)
    new_view.answers("p", {"stopReason": "end_turn"})

    assert [json.loads(message)["id"] for message in outlet.session] == ["p"]
    assert errors_of(outlet) == {}


async def test_loading_again_before_the_first_answer_ends_the_first_request(world: World):
    client, outlet = world.client()
    client.take(load(1))
    first = await world.opened()
    client.take(load(2))
    again = await world.opened(2)
    first.loads()
    again.loads()

    assert errors_of(outlet) == {1: "request-cancelled"}
    assert [message["id"] for message in outlet.opens] == [2]


async def test_a_place_that_changed_hands_gets_a_link_of_its_own(world: World):
    await world.attached()
    world.book.living = [place("w1", life=2)]
    other, _ = world.client("conn_2")
    other.take(load(1))
    await world.opened(2)

    assert [channel.port for channel in world.channels] == [place("w1").port, place("w1", life=2).port]


OBSERVING = {"_meta": {"lumilink": {"role": "observer"}}}


@pytest.mark.parametrize(
    "method", ["session/load", "session/resume", "session/fork", "_lumilink/session/attach"]
)
@pytest.mark.parametrize(("said", "role"), [({}, "driver"), (OBSERVING, "observer")])
async def test_a_request_that_opens_a_view_says_the_clients_role(
    world: World, method: str, said: dict[str, object], role: str
):
    client, _ = world.client()
    where = {} if method == "_lumilink/session/attach" else {"cwd": "/", "mcpServers": []}
    client.take(request(1, method, **where, **said))

    assert (await world.opened()).greeting["role"] == role


async def test_a_view_that_is_brought_back_is_what_it_was(world: World):
    client, _ = world.client()
    client.take(request(1, "session/resume", cwd="/", **OBSERVING))
    (await world.opened()).loads()
    world.worker_dies(place("w2"))

    assert (await world.opened(2)).greeting["role"] == "observer"


async def test_a_role_that_is_none_is_refused(world: World):
    client, outlet = world.client()
    client.take(request(1, "session/resume", cwd="/", _meta={"lumilink": {"role": "owner"}}))
    await settle()

    assert errors_of(outlet) == {1: "invalid-params"}
    assert world.all_opened() == []
