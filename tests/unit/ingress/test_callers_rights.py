"""What a client's credential lets it do over ACP, method by method."""

import json
from typing import Final

import pytest
from replica_world import SESSION, World, answer, errors_of, load, request, settle

from actors.capacity.requests import Answer, Request
from serve.rights.identity import EVERYBODY, Identity
from serve.rights.roles import RIGHTS, Right, Role

ATTACHING: Final = ("session/load", "session/resume", "_lumilink/session/attach")
NEEDED: Final = {
    "session/new": Right.SESSIONS_USE,
    "session/fork": Right.SESSIONS_USE,
    "session/list": Right.SESSIONS_READ,
    **dict.fromkeys(ATTACHING, Right.SESSIONS_READ),
    "session/prompt": Right.SESSIONS_USE,
    "session/set_mode": Right.SESSIONS_USE,
    "session/close": Right.SESSIONS_USE,
    "_an/extension": Right.SESSIONS_USE,
}


def caller(role: Role) -> Identity:
    return Identity("default", "ann", frozenset({role}), "key")


def asked(method: str) -> bytes:
    params = {"sessionId": SESSION, "cwd": "/", "mcpServers": [], "prompt": [], "afterSeq": 0}
    if method == "session/new":
        del params["sessionId"]
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("method", NEEDED)
async def test_a_method_is_for_the_roles_with_its_right(world: World, method: str, role: Role):
    client, outlet = world.client()
    client.identity = caller(role)

    client.take(asked(method))
    await settle()

    assert (errors_of(outlet).get(1) == "forbidden") is (NEEDED[method] not in RIGHTS[role])
    if NEEDED[method] not in RIGHTS[role]:
        assert world.all_opened() == []
    await client.close()


@pytest.mark.parametrize(
    ("role", "wanted", "becomes"),
    [
        (Role.USER, None, "driver"),
        (Role.USER, "observer", "observer"),
        (Role.VIEWER, None, "observer"),
        (Role.VIEWER, "driver", "observer"),
    ],
)
async def test_who_may_only_look_is_an_observer_whatever_it_asks_to_be(
    world: World, role: Role, wanted: str | None, becomes: str
):
    client, _ = world.client()
    client.identity = caller(role)
    more = {} if wanted is None else {"_meta": {"lumilink": {"role": wanted}}}

    client.take(request(1, "session/load", cwd="/", mcpServers=[], **more))

    assert (await world.opened()).greeting["role"] == becomes
    await client.close()


async def test_nothing_that_an_observer_says_reaches_the_worker(world: World):
    client, _ = world.client()
    client.identity = caller(Role.VIEWER)
    client.take(load(1))
    opened = await world.opened()
    opened.loads()
    await settle()

    client.take(answer(f"{SESSION}/1", {"outcome": {"outcome": "selected", "optionId": "yes"}}))
    client.take(b'{"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"%s"}}' % SESSION.encode())
    client.take(request(2, "session/prompt", prompt=[]))
    await settle()

    assert opened.told() == []
    await client.close()


async def test_a_new_session_is_counted_for_the_user_and_made_for_the_installation_of_the_credential(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    users: list[str] = []
    admit = world.book.admit

    async def noted(requests: list[Request], given_up: list[str]) -> list[Answer]:
        users.extend(one.user for one in requests)
        return await admit(requests, given_up)

    monkeypatch.setattr(world.book, "admit", noted)
    client, _ = world.client()
    client.identity = caller(Role.USER)
    params = {"cwd": "/", "mcpServers": [], "installationId": "other", "userId": "bob"}
    meta = {"_meta": {"lumilink": {"installationId": "other", "user": "bob"}}}
    frame = {"jsonrpc": "2.0", "id": 1, "method": "session/new", "params": {**params, **meta}}

    client.take(json.dumps(frame).encode())

    assert (await world.opened()).greeting["installation"] == "default"
    assert users == ["ann"]
    await client.close()


def test_without_authentication_a_client_may_do_everything():
    assert set(NEEDED.values()) <= EVERYBODY.rights
