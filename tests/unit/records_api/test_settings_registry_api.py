"""The settings registry over HTTP: metadata, values, versions, and LumiLink's own settings."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from unit.records_api.conftest import KnownGate

from serve.rights import Identity, Role

PATH = "/api/v1/settings"
SETTING = {
    "gameType": "ASA",
    "fileType": "GameUserSettings.ini",
    "section": "ServerSettings",
    "key": "MaxPlayers",
    "valueType": "int",
    "defaultValue": 70,
    "constraints": {"min": 1, "max": 250},
    "category": "server",
    "description": "How many may play.",
}


async def made(client: httpx.AsyncClient, **more: object) -> dict[str, Any]:
    answer = await client.post(PATH, json=SETTING | more)
    assert answer.status_code == 201, answer.text
    setting: dict[str, Any] = answer.json()
    return setting


async def test_a_setting_is_made_found_and_given_a_value(client: httpx.AsyncClient):
    setting = await made(client)
    at = f"{PATH}/{setting['settingId']}"
    assert SETTING.items() <= setting.items()
    assert (setting["version"], "value" in setting) == (1, False)

    given = await client.put(f"{at}/value", json={"value": 100})
    assert (given.json()["value"], given.json()["version"], given.headers["etag"]) == (100, 2, '"2"')
    assert (await client.get(at)).json() == given.json()
    again = await client.put(f"{at}/value", json={"value": None})
    assert ("value" in again.json(), again.json()["defaultValue"]) == (False, 70)


@pytest.mark.parametrize("value", [0, 251, "70", 1.5, True, [70]])
async def test_a_value_that_the_constraints_do_not_let_is_refused(client: httpx.AsyncClient, value: object):
    setting = await made(client)

    answer = await client.put(f"{PATH}/{setting['settingId']}/value", json={"value": value})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-params")
    assert "MaxPlayers" in answer.json()["detail"]


async def test_there_is_one_setting_in_each_place(client: httpx.AsyncClient):
    await made(client)
    await made(client, section="")

    answer = await client.post(PATH, json=SETTING)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_a_version_that_has_passed_is_refused(client: httpx.AsyncClient):
    at = f"{PATH}/{(await made(client))['settingId']}"
    await client.put(f"{at}/value", json={"value": 80}, headers={"If-Match": '"1"'})

    for answer in (
        await client.put(f"{at}/value", json={"value": 90}, headers={"If-Match": '"1"'}),
        await client.put(at, json=SETTING, headers={"If-Match": '"1"'}),
        await client.delete(at, headers={"If-Match": '"1"'}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition-failed")
    assert (await client.get(at)).json()["value"] == 80


async def test_a_setting_is_described_anew_but_neither_moved_nor_made_to_contradict_its_value(
    client: httpx.AsyncClient,
):
    at = f"{PATH}/{(await made(client))['settingId']}"
    await client.put(f"{at}/value", json={"value": 200})

    wider = await client.put(at, json=SETTING | {"constraints": {"max": 500}, "deprecatedVersion": "2.0"})
    assert (wider.json()["constraints"], wider.json()["deprecatedVersion"]) == ({"max": 500}, "2.0")
    assert wider.json()["value"] == 200
    for other in ({"constraints": {"max": 100}}, {"key": "Other"}):
        assert (await client.put(at, json=SETTING | other)).status_code == 409


async def test_who_did_what_is_known_also_of_what_was_deleted(client: httpx.AsyncClient, caller: KnownGate):
    at = f"{PATH}/{(await made(client))['settingId']}"
    caller.identity = Identity(caller.identity.installation, "bob", frozenset(Role), "")
    await client.put(f"{at}/value", json={"value": 80})
    assert (await client.delete(at)).status_code == 204
    assert (await client.get(at)).status_code == 404

    found = (await client.get(f"{at}/history")).json()["items"]

    assert [(one["version"], one["what"], one["changedBy"]) for one in found] == [
        (3, "deleted", "bob"),
        (2, "set", "bob"),
        (1, "created", "ann"),
    ]
    assert ("value" in found[1]["before"], found[1]["after"]["value"]) == (False, 80)
    assert (found[0]["after"], found[2]["before"]) == (None, None)


async def test_settings_are_listed_by_place_page_by_page(client: httpx.AsyncClient):
    for key in ("C", "A", "B"):
        await made(client, key=key)
    await made(client, gameType="ASE")
    first = (await client.get(PATH, params={"gameType": "ASA", "limit": 2})).json()
    rest = await client.get(PATH, params={"gameType": "ASA", "cursor": first["nextCursor"]})

    assert [one["key"] for one in first["items"] + rest.json()["items"]] == ["A", "B", "C"]
    assert rest.json()["nextCursor"] is None
    assert (await client.get(PATH, params={"cursor": "W10"})).status_code == 400


async def test_another_installation_has_settings_of_its_own(client: httpx.AsyncClient, caller: KnownGate):
    setting = await made(client)
    caller.identity = Identity("globex", "ann", frozenset(Role), "")

    assert (await client.get(f"{PATH}/{setting['settingId']}")).status_code == 404
    assert (await client.get(PATH, params={"gameType": "ASA"})).json()["items"] == []
    await made(client)


async def test_lumilink_s_own_settings_are_there_and_hold_for_jobs(client: httpx.AsyncClient):
    found = (await client.get(PATH, params={"gameType": "lumilink"})).json()["items"]
    own = {(one["section"], one["key"]): f"{PATH}/{one['settingId']}" for one in found}
    assert {("jobs", "leaseS"), ("jobs", "maxAttempts"), ("jobs", "keepDays")} == set(own)
    runner = (await client.post("/api/v1/agents", json={"name": "laptop"})).json()["agentId"]

    async def terms() -> tuple[int, int]:
        job = (await client.post("/jobs", json={"jobType": "x", "agentId": runner})).json()
        return job["leaseS"], job["maxAttempts"]

    before = await terms()
    await client.put(f"{own['jobs', 'leaseS']}/value", json={"value": 120})
    await client.put(f"{own['jobs', 'maxAttempts']}/value", json={"value": 1})

    assert (before, await terms()) == ((60, 3), (120, 1))
    assert (await client.put(f"{own['jobs', 'leaseS']}/value", json={"value": 1})).status_code == 400


async def test_lumilink_s_own_settings_are_neither_described_nor_deleted_nor_added_to(
    client: httpx.AsyncClient,
):
    found = (await client.get(PATH, params={"key": "leaseS"})).json()["items"]
    at = f"{PATH}/{found[0]['settingId']}"

    for answer in (
        await client.put(at, json=SETTING),
        await client.delete(at),
        await client.post(PATH, json=SETTING | {"gameType": "lumilink"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
