"""The audit trail over HTTP is whole, and its size costs no memory."""

from __future__ import annotations

import json

import httpx
import pytest
from unit.records import examples
from unit.records.conformance import put
from unit.records.examples import EXAMPLES, at, number

from actors.errors import JournalUnavailableError
from actors.records import RecordStore
from actors.records.audit import Form, inspect
from actors.records.kinds import BY_NAME
from serve.reporting.records import audit

PATH = "/api/v1/audit/export"


@pytest.mark.parametrize("form", Form)
async def test_an_export_is_a_whole_trail_of_all_kinds(
    store: RecordStore, client: httpx.AsyncClient, form: Form
) -> None:
    await put(store, *(example() for example in EXAMPLES.values()))

    answer = await client.get(PATH, params={"format": form.value})

    verdict = inspect(answer.text.splitlines(keepends=True))
    assert verdict.complaint is None
    assert verdict.records == len(EXAMPLES)
    assert verdict.header is not None
    assert verdict.header["kinds"] == list(BY_NAME)
    assert answer.headers["content-type"] == form.media_type
    assert "attachment" in answer.headers["content-disposition"]


async def test_an_export_has_many_pages_in_the_order_of_time(
    store: RecordStore, client: httpx.AsyncClient
) -> None:
    await put(store, *(examples.transcript(entry_id=number(n), timestamp=at(n // 7)) for n in range(450)))

    text = (await client.get(PATH, params={"kinds": "transcripts,sessions"})).text

    bodies = [json.loads(line)["body"] for line in text.splitlines()][1:-1]
    assert [body["entryId"] for body in bodies] == [number(n) for n in range(450)]


async def test_an_export_is_narrowed_by_time_and_kind(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(store, *(examples.transcript(entry_id=number(n), timestamp=at(n)) for n in range(9)))

    time = {"from": "2026-03-01T12:00:03Z", "to": "2026-03-01T12:00:05Z"}
    text = (await client.get(PATH, params={"kinds": "transcripts", **time})).text

    header, *records, trailer = (json.loads(line) for line in text.splitlines())
    assert [one["body"]["entryId"] for one in records] == [number(3), number(4)]
    assert header["body"]["from"] == "2026-03-01T12:00:03.000Z"
    assert trailer["body"]["count"] == 2


async def test_an_export_that_breaks_off_has_no_trailer(
    store: RecordStore, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(store, *(examples.transcript(entry_id=number(n), timestamp=at(n)) for n in range(450)))
    monkeypatch.setattr(audit, "CHUNK_CHARS", 1)
    pages = 0
    reading = RecordStore.page

    async def fails_later(self: RecordStore, *arguments: object) -> object:
        nonlocal pages
        pages += 1
        if pages > 2:
            raise JournalUnavailableError("away")
        return await reading(self, *arguments)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(RecordStore, "page", fails_later)

    answer = await client.get(PATH, params={"kinds": "transcripts"})

    verdict = inspect(answer.text.splitlines(keepends=True))
    assert verdict.complaint is not None
    assert "truncated" in verdict.complaint
    assert verdict.records == 400
    assert audit.running().count == 0


@pytest.mark.parametrize("query", ["format=xml", "kinds=", "kinds=none", "kinds=sessions,sessions", "x=1"])
async def test_an_export_that_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"{PATH}?{query}")).json()["code"] == "invalid-params"


async def test_too_many_exports_at_once_are_refused(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit.running(), "count", audit.MOST_EXPORTS)

    answer = await client.get(PATH)

    assert answer.status_code == 503
    assert answer.json()["code"] == "mailbox-full"
