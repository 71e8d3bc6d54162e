"""Records over HTTP: lists, single records and their faults."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from unit.records import examples
from unit.records.conformance import LARGE, put
from unit.records.examples import EXAMPLES, at, number
from unit.records_api.conftest import KnownGate

from actors.records import RecordStore, kinds
from serve.reporting.records.lists import LISTS
from serve.reporting.records.source import records
from serve.rights import Identity, Role

API = "/api/v1"


def path_of(path: str) -> str:
    return path.replace("sessions/{id}", "sessions/sess-1").replace("connections/{id}", "connections/link-1")


every_list = pytest.mark.parametrize(
    "path", [path_of(one.path) for one in LISTS] + [f"{API}/transcripts", f"{API}/transcripts?q=blocked"]
)


async def every_example(store: RecordStore) -> None:
    await put(store, *(example() for example in EXAMPLES.values()))


@every_list
async def test_a_list_shows_what_was_recorded(
    store: RecordStore, client: httpx.AsyncClient, path: str
) -> None:
    await every_example(store)

    answer = await client.get(path)

    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 1
    assert answer.json()["nextCursor"] is None
    assert answer.json()["items"][0]["installationId"] == "acme"


@every_list
async def test_a_list_shows_nothing_of_another_installation(
    store: RecordStore, client: httpx.AsyncClient, caller: KnownGate, path: str
) -> None:
    await every_example(store)
    caller.identity = Identity("other", "eve", frozenset(Role), "")

    answer = await client.get(path)

    assert answer.status_code == 404 or answer.json()["items"] == []


@pytest.mark.parametrize("role", Role)
async def test_only_those_with_the_right_read_records_and_export_them(
    client: httpx.AsyncClient, caller: KnownGate, role: Role
) -> None:
    caller.identity = Identity("acme", "ann", frozenset({role}), "")

    reads = await client.get(f"{API}/sessions")
    exports = await client.get(f"{API}/audit/export")

    assert reads.status_code == (403 if role is Role.RUNNER else 200)
    assert exports.status_code == (200 if role in (Role.AUDITOR, Role.ADMIN) else 403)


async def test_nobody_reads_without_any_right(client: httpx.AsyncClient, caller: KnownGate) -> None:
    caller.identity = Identity("acme", "ann", frozenset(), "")

    answer = await client.get(f"{API}/summary")

    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"


async def test_pages_of_a_list_join(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(store, *(examples.transcript(entry_id=number(n), timestamp=at(n // 3)) for n in range(11)))

    seen: list[str] = []
    parameters = {"limit": "4", "order": "asc"}
    while True:
        page = (await client.get(f"{API}/transcripts", params=parameters)).json()
        seen += [one["entryId"] for one in page["items"]]
        if page["nextCursor"] is None:
            break
        parameters["cursor"] = page["nextCursor"]

    assert seen == [number(n) for n in range(11)]


async def test_live_and_ended_sessions_are_told_apart(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(
        store,
        examples.container(),
        examples.connection(),
        examples.session(),
        examples.session(session_id="sess-2", closed_at=at(9)),
    )

    async def ids(live: str) -> list[str]:
        found = await client.get(f"{API}/sessions", params={"live": live})
        return [one["sessionId"] for one in found.json()["items"]]

    assert await ids("true") == ["sess-1"]
    assert await ids("false") == ["sess-2"]


async def test_filters_and_the_time_narrow_a_list(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(
        store,
        examples.automation(summary_id=number(1)),
        examples.skipped(summary_id=number(2), created_at=at(60)),
        examples.skipped(summary_id=number(3), created_at=at(120), skip_reason="rate-limited"),
    )

    async def ids(**parameters: str) -> list[str]:
        found = await client.get(f"{API}/automations", params=parameters)
        return [one["summaryId"] for one in found.json()["items"]]

    assert await ids(status="skipped") == [number(3), number(2)]
    assert await ids(status="skipped", skipReason="rate-limited") == [number(3)]
    assert await ids(**{"from": "2026-03-01T12:01:00Z", "to": "2026-03-01T12:02:00Z"}) == [number(2)]
    assert await ids(**{"from": "2026-03-01T13:02:00+01:00", "order": "asc"}) == [number(3)]
    assert await ids(sessionId="sess-9") == []
    assert len(await ids(**{"from": "0001-01-01T00:00:00+09:00", "to": "9999-12-31T23:59:59-09:00"})) == 3


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=",
        "limit=1&limit=2",
        "order=up",
        "sort=size",
        "sort=-createdAt",
        "cursor=x",
        "status=none",
        "status=",
        "workspaceId=",
        f"workspaceId={'w' * 201}",
        "workspaceId=%00",
        "from=yesterday",
        "from=2026-03-01",
        "from=2026-03-01T12:00:00",
        "sort=",
        "unknown=1",
        "containerId=box-1&containerId=box-2",
    ],
)
async def test_a_query_that_makes_no_sense_is_refused_by_name(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"{API}/connections?{query}")

    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid-params"
    assert query.partition("=")[0] in answer.json()["detail"]


async def test_what_is_unchanged_is_not_sent_again(store: RecordStore, client: httpx.AsyncClient) -> None:
    await every_example(store)
    path = f"{API}/sessions/sess-1"
    etag = (await client.get(path)).headers["etag"]

    for named in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        same = await client.get(path, headers={"If-None-Match": named})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    assert (await client.get(path, headers={"If-None-Match": '"x"'})).status_code == 200
    await put(store, examples.session(updated_at=at(50)))
    assert (await client.get(path, headers={"If-None-Match": etag})).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "sessions/none",
        "sessions/none/timeline",
        "sessions/none/transcript",
        "connections/none",
        "connections/none/history",
        "connections/%00",
        f"payloads/{'0' * 64}",
        "payloads/none",
    ],
)
async def test_what_is_not_there_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"{API}/{path}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "record-not-found"


async def test_other_paths_and_methods_are_problems_too(client: httpx.AsyncClient) -> None:
    unknown = await client.get(f"{API}/nothing")
    wrong = await client.delete(f"{API}/sessions/sess-1")

    assert (unknown.status_code, unknown.json()["code"]) == (404, "route-unknown")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "http-method-not-allowed")
    assert wrong.headers["allow"] == "GET, HEAD"
    both = await client.post(f"{API}/pool")
    assert both.headers["allow"] == "GET, HEAD, PUT"


async def test_a_large_value_is_found_by_its_reference(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(store, examples.transcript(context=LARGE))

    entry = (await client.get(f"{API}/transcripts")).json()["items"][0]
    value = await client.get(f"{API}/payloads/{entry['contextRef']}")

    assert entry["context"] is None
    assert value.json() == LARGE


async def test_records_that_are_away_are_a_problem_until_they_are_back(
    client: httpx.AsyncClient, database: str, tmp_path: Path
) -> None:
    records().use(f"sqlite+aiosqlite:///{tmp_path / 'missing' / 'records.db'}")

    for path in ("sessions", "summary", "audit/export"):
        away = await client.get(f"{API}/{path}")
        assert away.status_code == 503
        assert away.json()["code"] == "records-unavailable"
        assert "retry-after" in away.headers
        assert "missing" not in away.text

    records().use(database)
    assert (await client.get(f"{API}/sessions")).status_code == 200


async def test_a_database_that_fails_while_it_is_read_is_a_problem(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await client.get(f"{API}/containers")).status_code == 200
    monkeypatch.setattr("actors.records.database.TRANSACTION_S", -1.0)

    assert (await client.get(f"{API}/containers")).json()["code"] == "records-unavailable"


async def test_a_page_of_another_origin_reads_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{API}/sessions", headers={"Origin": "https://evil.example"})

    assert answer.json()["code"] == "invalid-request"


def test_every_kind_but_alerts_and_metrics_has_a_list() -> None:
    listed = {one.kind.table.name for one in LISTS}

    assert {kind.table.name for kind in kinds.KINDS} - listed == {"capacity_alerts", "metrics_envelopes"}
