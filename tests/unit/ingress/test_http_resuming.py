"""An HTTP client comes back where it was: ``Last-Event-ID``, resume tokens, and what is refused."""

import asyncio
import json
from typing import cast

import pytest
from http_client import Get, HttpClient, token
from replica_world import Json, Opened, World, errors_of, place, request, settle

from actors import errors
from serve.ingress.peers import AcpRequest
from serve.rights.identity import EVERYBODY

SESSION = f"sess_{'a' * 27}"
OTHER_SESSION = f"sess_{'b' * 27}"
ATTACH = "_lumilink/session/attach"


async def attached(world: World) -> tuple[HttpClient, Opened]:
    """A client that has attached to a session without a past."""
    client = await HttpClient(world).begins()
    await client.post(1, ATTACH, SESSION, afterSeq=0)
    opened = await world.opened()
    opened.attaches()
    return client, opened


def says(opened: Opened, *seqs: int) -> None:
    for seq in seqs:
        opened.says(b"event %d" % seq, seq)


async def reads(client: HttpClient, last_id: str | None = None) -> Get:
    get = await client.get(SESSION, last_id)
    await get.reads()
    return get


async def test_a_stream_that_was_cut_goes_on_after_the_last_event_that_arrived(world: World):
    client, opened = await attached(world)
    says(opened, 1, 2)
    first = await reads(client)
    says(opened, 3, 4)
    await reads(client)  # and none of it arrives
    again = await client.get(SESSION, first.last_id)
    back = await world.opened(2)
    says(opened, 5)
    says(back, 3, 4, 5)
    back.attaches(5)
    says(back, 6)

    assert back.greeting["method"] == ATTACH
    assert (back.greeting["after_seq"], back.greeting["reattach"]) == (2, True)
    assert (back.greeting["client"], back.greeting["dead"]) == (client.connection_id, "")
    assert back.channel.closed == [], "the worker lets the old view give way, with all that it waits for"
    assert await again.reads() == ["event 3", "event 4", "event 5", "event 6"]
    assert [message["id"] for message in await client.answers()] == [1], "our own request is not the client's"


async def test_a_stream_that_lost_nothing_goes_on_without_asking_the_worker(world: World):
    client, opened = await attached(world)
    says(opened, 1, 2)
    first = await reads(client)
    says(opened, 3)
    again = await reads(client, first.last_id)

    assert again.heard == ["event 3"]
    assert len(world.all_opened()) == 1


async def test_a_new_get_takes_the_stream_from_the_one_that_hangs(world: World):
    client, opened = await attached(world)
    hanging = await client.get(SESSION)
    waits = asyncio.ensure_future(hanging.reads())
    await settle()
    again = await client.get(SESSION, token(world, 0, SESSION))
    says(opened, 1)

    assert await waits == []
    assert await again.reads() == ["event 1"]


async def test_prompts_and_requests_that_are_under_way_are_answered_after_going_back(world: World):
    client, opened = await attached(world)
    await client.post("p", "session/prompt", SESSION, prompt=[])
    await client.post("m", "session/set_mode", SESSION, modeId="x")
    says(opened, 1, 2)
    await reads(client)
    again = await client.get(SESSION, token(world, 1, SESSION))
    await client.post("late", "session/set_mode", SESSION, modeId="y")
    back = await world.opened(2)
    assert back.greeting["pending"] == (b'"p"',)
    assert back.told() == []
    says(back, 2)
    back.answers("m", {})
    back.answers("p", {"stopReason": "end_turn"})
    back.attaches(2)

    assert [message["id"] for message in back.told()] == ["late"]
    heard = await again.reads()
    assert heard[0] == "event 2"
    assert [json.loads(data)["id"] for data in heard[1:]] == ["m", "p"]


async def test_an_answer_that_was_lost_is_said_again_after_the_events_before_it(world: World):
    client, opened = await attached(world)
    await client.post("p", "session/prompt", SESSION, prompt=[])
    says(opened, 1)
    first = await reads(client)
    says(opened, 2)
    opened.answers("p", {"stopReason": "end_turn"})
    says(opened, 3)
    await reads(client)
    again = await client.get(SESSION, first.last_id)
    back = await world.opened(2)
    says(back, 2, 3)
    back.attaches(3)

    heard = await again.reads()
    assert [heard[0], json.loads(heard[1])["id"], heard[2]] == ["event 2", "p", "event 3"]
    assert len(heard) == 3


async def test_a_client_that_got_the_answer_is_not_told_it_again(world: World):
    client, opened = await attached(world)
    await client.post("p", "session/prompt", SESSION, prompt=[])
    says(opened, 1)
    opened.answers("p", {"stopReason": "end_turn"})
    first = await reads(client)
    says(opened, 2)
    await reads(client)
    again = await client.get(SESSION, first.last_id)
    back = await world.opened(2)
    says(back, 2)
    back.attaches(2)

    assert len(first.heard) == 2
    assert await again.reads() == ["event 2"]


async def test_a_client_goes_back_twice(world: World):
    client, opened = await attached(world)
    says(opened, 1, 2, 3)
    await reads(client)
    await client.get(SESSION, token(world, 2, SESSION))
    again = await client.get(SESSION, token(world, 1, SESSION))
    back = await world.opened(2)
    assert back.greeting["after_seq"] == 1
    says(back, 2)
    assert await again.reads() == ["event 2"]
    third = await client.get(SESSION, token(world, 1, SESSION))
    last = await world.opened(3)
    says(last, 2, 3)
    last.attaches(3)

    assert await third.reads() == ["event 2", "event 3"]


async def test_going_back_once_more_before_the_worker_has_answered_begins_where_it_is_wanted(world: World):
    client, opened = await attached(world)
    says(opened, 1, 2, 3)
    await reads(client)
    await client.get(SESSION, token(world, 2, SESSION))
    first = await world.opened(2)
    again = await client.get(SESSION, token(world, 1, SESSION))
    last = await world.opened(3)
    says(first, 3)
    says(last, 2, 3)
    last.attaches(3)

    assert (first.greeting["after_seq"], last.greeting["after_seq"]) == (2, 1)
    assert await again.reads() == ["event 2", "event 3"]


async def test_a_worker_that_dies_while_a_view_goes_back_changes_nothing(world: World):
    client, opened = await attached(world)
    says(opened, 1, 2, 3)
    await reads(client)
    again = await client.get(SESSION, token(world, 1, SESSION))
    back = await world.opened(2)
    says(back, 2)
    world.worker_dies(place("w2"))
    other = await world.opened(3)
    says(other, 3)
    other.attaches(3)

    assert other.greeting["after_seq"] == 2
    assert await again.reads() == ["event 2", "event 3"]


async def test_a_client_that_leaves_while_it_goes_back_leaves_nothing_at_the_worker(world: World):
    client, opened = await attached(world)
    says(opened, 1)
    await reads(client)
    await client.get(SESSION, token(world, 0, SESSION))
    await client.delete()
    await settle()

    assert opened.channel.closed == [opened.stream]
    assert len(world.all_opened()) == 1


async def test_what_is_no_longer_kept_is_said_to_be_gone_and_the_rest_is_shown(world: World):
    client, opened = await attached(world)
    says(opened, 1, 2, 3)
    await reads(client)
    again = await client.get(SESSION, token(world, 1, SESSION))
    back = await world.opened(2)
    assert (back.greeting["after_seq"], back.greeting["reattach"]) == (1, True)
    back.says(b"reset")
    says(back, 3)
    back.attaches(3, reset=True)
    says(back, 4)

    assert await again.reads() == ["reset", "event 3", "event 4"]


async def test_a_view_that_went_back_and_loses_events_later_ends_like_any_other(world: World):
    client, opened = await attached(world)
    says(opened, 1, 2)
    await reads(client)
    await client.get(SESSION, token(world, 1, SESSION))
    back = await world.opened(2)
    says(back, 2)
    back.attaches(2)
    world.worker_dies(place("w2"))
    (await world.opened(3)).closes(errors.SlowConsumerError("256 answers wait to be read"))

    (_, notice) = await client.answers()
    assert cast("Json", notice["params"])["code"] == "slow-consumer"


# ---------------------------------------------------------------------- another connection


@pytest.mark.parametrize("attaches_first", [True, False])
async def test_on_another_connection_a_client_attaches_and_gives_the_id(world: World, attaches_first: bool):
    point = token(world, 2, SESSION)
    client = await HttpClient(world).begins()
    if attaches_first:
        await client.post(1, ATTACH, resumeToken=point)
    get = await client.get(SESSION, point)
    if not attaches_first:
        await client.post(1, ATTACH, resumeToken=point)
    opened = await world.opened()
    assert (opened.session_id, opened.greeting["after_seq"]) == (SESSION, 2)
    says(opened, 3, 4)
    opened.attaches(4)

    assert await get.reads() == ["event 3", "event 4"]
    assert len(world.all_opened()) == 1


@pytest.mark.parametrize("resumes_first", [True, False])
async def test_a_resumed_session_goes_on_after_the_id(world: World, resumes_first: bool):
    client = await HttpClient(world).begins()
    get = None if resumes_first else await client.get(SESSION, token(world, 2, SESSION))
    await client.post(1, "session/resume", SESSION, cwd="/")
    (await world.opened()).loads(4)
    get = get or await client.get(SESSION, token(world, 2, SESSION))
    back = await world.opened(2)
    says(back, 3, 4)
    back.attaches(4)

    assert back.greeting["after_seq"] == 2
    assert await get.reads() == ["event 3", "event 4"]


async def test_an_id_after_a_load_leaves_out_what_the_client_has(world: World):
    client = await HttpClient(world).begins()
    await client.post(1, "session/load", SESSION, cwd="/", mcpServers=[])
    opened = await world.opened()
    says(opened, 1, 2)
    get = await client.get(SESSION, token(world, 3, SESSION))
    says(opened, 3, 4)
    opened.loads(4)

    assert await get.reads() == ["event 4"]
    assert len(world.all_opened()) == 1


async def test_a_load_after_the_id_shows_the_whole_session(world: World):
    client = await HttpClient(world).begins()
    get = await client.get(SESSION, token(world, 3, SESSION))
    await client.post(1, "session/load", SESSION, cwd="/", mcpServers=[])
    opened = await world.opened()
    says(opened, 1, 2, 3, 4)
    opened.loads(4)

    assert await get.reads() == ["event 1", "event 2", "event 3", "event 4"]


async def test_a_long_replay_that_is_cut_goes_on_when_it_is_over(world: World):
    client = await HttpClient(world).begins()
    await client.post(1, "session/load", SESSION, cwd="/", mcpServers=[])
    opened = await world.opened()
    says(opened, 1, 2, 3)
    await reads(client)
    says(opened, *range(4, 100))
    again = await client.get(SESSION, token(world, 1, SESSION))
    assert await again.reads() == []
    again = await client.get(SESSION, token(world, 1, SESSION))
    says(opened, *range(100, 200))
    assert len(world.all_opened()) == 1, "the request that opens the session is answered first"
    assert sum(frames for _, frames in opened.channel.credit) >= 192, "and nothing that is left out stops it"
    opened.loads(199)
    back = await world.opened(2)
    says(back, 2, 3)
    assert await again.reads() == ["event 2", "event 3"]


# ---------------------------------------------------------------------- tokens in answers, and as params


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("session/load", {"cwd": "/", "mcpServers": []}),
        ("session/resume", {"cwd": "/"}),
        (ATTACH, {"afterSeq": 0}),
    ],
)
async def test_each_answer_that_attaches_a_client_has_a_token_for_its_seq(
    world: World, method: str, params: Json
):
    client, outlet = world.client()
    client.take(request(1, method, SESSION, **params))
    opened = await world.opened()
    opened.attaches(7) if method == ATTACH else opened.loads(7)
    (answer,) = outlet.opens
    point = world.gateway.tokens.read(resume_token(answer), "default")

    assert (point.session_id, point.position) == (SESSION, (7, 0))


async def test_the_token_of_a_new_session_is_for_its_beginning(world: World):
    client, outlet = world.client()
    client.take(b'{"jsonrpc":"2.0","id":1,"method":"session/new","params":{"cwd":"/","mcpServers":[]}}')
    opened = await world.opened()
    opened.answers(1, {"sessionId": opened.session_id})
    point = world.gateway.tokens.read(resume_token(outlet.opens[0]), "default")

    assert (point.session_id, point.position) == (opened.session_id, (0, 0))


def resume_token(answer: Json) -> str:
    result = cast("dict[str, dict[str, dict[str, str]]]", answer["result"])
    return result["_meta"]["lumilink"]["resumeToken"]


async def test_an_answer_that_refuses_has_no_token(world: World):
    client, outlet = world.client()
    client.take(request(1, ATTACH, SESSION))
    opened = await world.opened()
    frame = b'{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}'
    world.links.link_answer(opened.channel.real, opened.stream, b"1", frame)

    assert outlet.opens == [json.loads(frame)]


async def test_a_reset_is_told_on_a_websocket_too(world: World):
    client, outlet = world.client()
    client.take(request(1, ATTACH, resume=None, resumeToken=token(world, 2, SESSION), sessionId=SESSION))
    opened = await world.opened()
    says(opened, 5, 6)
    opened.attaches(6, reset=True)

    assert outlet.session == [b"event 5", b"event 6"]
    assert cast("Json", outlet.opens[0]["result"])["reset"] is True


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, "invalid-params"),
        ({"resumeToken": "AAAA"}, "resume-token-invalid"),
        ({"resumeToken": 7}, "invalid-params"),
        ({"resumeToken": "mine", "afterSeq": 3}, "invalid-params"),
        ({"resumeToken": "mine", "sessionId": OTHER_SESSION}, "invalid-request"),
        ({"resumeToken": "theirs"}, "session-not-found"),
    ],
)
async def test_an_attach_is_refused_with_what_is_wrong_in_it(world: World, params: Json, code: str):
    known = {"mine": token(world, 2, SESSION), "theirs": token(world, 2, SESSION, "other")}
    named = {name: known.get(str(value), value) for name, value in params.items()}
    client, outlet = world.client()
    message = {"jsonrpc": "2.0", "id": 1, "method": ATTACH, "params": named}
    client.take(json.dumps(message).encode())
    await settle()

    assert errors_of(outlet) == {1: code}
    assert world.all_opened() == []


@pytest.mark.parametrize(
    ("session_id", "tenant", "changed", "error"),
    [
        (SESSION, "other", False, errors.SessionNotFoundError),
        (OTHER_SESSION, "default", False, errors.InvalidRequestError),
        (SESSION, "default", True, errors.ResumeTokenError),
    ],
)
async def test_a_get_with_an_id_that_is_not_good_there_is_refused(
    world: World, session_id: str, tenant: str, changed: bool, error: type[errors.LumiLinkError]
):
    client, opened = await attached(world)
    last_id = token(world, 2, session_id, tenant) + "A" * changed
    with pytest.raises(error):
        await client.get(SESSION, last_id)
    says(opened, 1)

    assert (await reads(client)).heard == ["event 1"], "and the stream is as it was"


async def test_an_id_on_the_connections_own_stream_means_nothing(world: World):
    client, _ = await attached(world)
    get = await client.get(None, "whatever")
    assert len(await get.reads()) == 1


def test_what_a_request_is_shown_as_has_neither_its_token_nor_its_body():
    request = AcpRequest("GET", EVERYBODY, last_event_id="the token", body=b"the prompt")
    assert "the token" not in repr(request)
    assert "the prompt" not in repr(request)
