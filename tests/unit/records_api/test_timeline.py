"""A session's timeline answers when automation ran, what came out, and why."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from unit.records import examples
from unit.records.conformance import put
from unit.records.examples import at, number

from actors.records import RecordStore
from actors.records.models import Record

PATH = "/api/v1/sessions/sess-1/timeline"
MOVED = {"connectionId": "link-1", "from": "connected", "to": "error", "cause": "the socket was closed"}
CARRIED = {"from": "acp", "to": "http", "trigger": "fallback", "code": "agent-closed", "reason": "it is gone"}
FAILED = {"status": "error", "error": {"code": "push-refused", "message": "no right", "retryable": False}}
NOTHING = {"issue": None, "pull_request": None, "commit": None}


def message(n: int, kind: str, payload: object, **more: object) -> Record:
    return examples.message(id=number(n), message_type=kind, payload=payload, timestamp=at(n), **more)


def happenings() -> list[Record]:
    return [
        examples.container(),
        examples.connection(),
        examples.session(closed_at=at(100)),
        message(10, "command", {"id": "q", "method": "session/request_permission"}),
        message(11, "command", {"params": {"requestId": "q"}}, direction="outbound", processing_time=900),
        message(12, "status", {"turn": 3, "outcome": "end_turn"}, processing_time=2500),
        message(13, "status", {"turn": 4, "outcome": "failed"}, error=True, error_message="out of memory"),
        message(14, "status", MOVED),
        message(15, "status", CARRIED, direction="outbound"),
        message(16, "status", {"method": "session/update", "params": {}}),
        message(17, "message", {"method": "session/update", "params": {}}),
        examples.automation(summary_id=number(20), created_at=at(20)),
        examples.skipped(summary_id=number(21), created_at=at(21)),
        examples.automation(summary_id=number(22), created_at=at(22), **FAILED, **NOTHING),
        examples.transcript(entry_id=number(23), timestamp=at(23)),
        examples.rollback(event_id=number(24), initiated_at=at(24), completed_at=at(25)),
        examples.migration(
            migration_id=number(26), started_at=at(26), completed_at=at(27), container_id=None
        ),
        examples.rollback(event_id=number(90), initiated_at=at(200)),
        examples.rollback(event_id=number(91), initiated_at=at(30), workspace_id="another"),
        examples.automation(summary_id=number(92), session_id="sess-2", created_at=at(30)),
    ]


async def entries(client: httpx.AsyncClient, **parameters: str) -> list[dict[str, Any]]:
    answer = await client.get(PATH, params=parameters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_timeline_has_all_that_happened_in_order(
    store: RecordStore, client: httpx.AsyncClient
) -> None:
    await put(store, *happenings())

    found = await entries(client, order="asc")

    assert [(one["kind"], one["outcome"]) for one in found] == [
        ("session", None),
        ("question", None),
        ("decision", None),
        ("turn", "success"),
        ("turn", "error"),
        ("connection", "error"),
        ("protocol", "fallback"),
        ("automation", "success"),
        ("automation", "skipped"),
        ("automation", "error"),
        ("notice", "toast"),
        ("rollback", "succeeded"),
        ("migration", "succeeded"),
        ("session", None),
    ]
    assert await entries(client) == found[::-1]
    assert await entries(client, order="desc", limit="200") == found[::-1]


async def test_a_timeline_says_why(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(store, *happenings())

    said = {one["id"]: (one["title"], one["reason"]) for one in await entries(client)}

    assert said[number(20)] == ("Automation ran.", "It made issue #3, pull request #4, commit 3f78685.")
    assert said[number(21)] == ("Automation was skipped.", "repo-blocked: It is blocked.")
    assert said[number(22)] == ("Automation failed.", "push-refused: no right (trying again does not help)")
    assert said[number(12)] == ("Turn 3 ended: end turn.", "after 2.5 s")
    assert said[number(13)] == ("Turn 4 ended: failed.", "out of memory")
    assert said[number(14)] == ("The connection broke.", "connected → error: the socket was closed")
    assert said[number(15)] == (
        "ACP failed: the session fell back from acp to http.",
        "agent-closed: it is gone",
    )
    assert said[number(24)][1] == "auto-threshold: other"


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 14])
async def test_pages_of_a_timeline_join_without_gap_or_overlap(
    store: RecordStore, client: httpx.AsyncClient, order: str, limit: int
) -> None:
    """Much of it at the same moment, so that lists and keys have to decide."""
    same = [one.model_copy(update=_moments(one)) for one in happenings()]
    await put(store, *same)
    whole = await entries(client, order=order)
    assert len(whole) >= 12

    seen: list[dict[str, Any]] = []
    parameters = {"order": order, "limit": str(limit)}
    while True:
        page = (await client.get(PATH, params=parameters)).json()
        assert len(page["items"]) <= limit
        seen += page["items"]
        if page["nextCursor"] is None:
            break
        parameters["cursor"] = page["nextCursor"]

    assert seen == whole


def _moments(record: Record) -> dict[str, object]:
    names = ("timestamp", "initiated_at", "started_at")
    return {name: at(20) for name in names if name in type(record).model_fields}


async def test_a_timeline_is_narrowed_by_time(store: RecordStore, client: httpx.AsyncClient) -> None:
    await put(store, *happenings())

    found = await entries(client, **{"from": "2026-03-01T12:00:12Z", "to": "2026-03-01T12:00:15Z"})

    assert [one["id"] for one in found] == [number(14), number(13), number(12)]


@pytest.mark.parametrize("cursor", ["", "x", "W10", "WyJ4Iiw5OSwieSJd", "A" * 300])
async def test_a_cursor_of_nowhere_is_refused(
    store: RecordStore, client: httpx.AsyncClient, cursor: str
) -> None:
    await put(store, *happenings())

    answer = await client.get(PATH, params={"cursor": cursor})

    assert answer.json()["code"] == "invalid-params"
