"""Whatever is asked of reporting, it answers as its OpenAPI document says, and without a fault of its own.

What the document allows may be refused: it can't say what a cursor is, or that a window ends after it begins.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance
from support.reporting_server import KEY, served_records
from unit.records import examples
from unit.records.examples import EXAMPLES, TENANT, at, number

from actors.records.models import Record
from serve.reporting.app import OPERATIONS
from serve.reporting.operation import Operation

TRIES = 25
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
SHOWN = [one for one in OPERATIONS if one.tag in ("records", "audit")]
"""Those that need records alone; the others need a cluster."""
KNOWN = {
    "/api/v1/connections/{id}": "link-1",
    "/api/v1/connections/{id}/history": "link-1",
    "/api/v1/sessions/{id}": "sess-1",
    "/api/v1/sessions/{id}/timeline": "sess-1",
    "/api/v1/sessions/{id}/transcript": "sess-1",
}

each = pytest.mark.parametrize("operation", SHOWN, ids=lambda one: one.path)


def filling() -> list[Record]:
    every = [example() for example in EXAMPLES.values()]
    every += [
        examples.skipped(summary_id=number(2)),
        examples.message(id=number(2), message_type="status", payload={"turn": 1, "outcome": "end_turn"}),
        examples.message(id=number(3), message_type="command", payload={"id": 1}),
        examples.transcript(entry_id=number(2), context=["x" * 40_000], summary_id=None),
    ]
    return every + [
        examples.transcript(entry_id=number(n), timestamp=at(n), message=f"entry {n}") for n in range(10, 40)
    ]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_records(tmp_path_factory.mktemp("records"), TENANT, filling()) as address:
        yield address


@pytest.fixture(scope="module")
def schema(address: str) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")


@each
@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda one: one.value
)
def test_no_request_gets_a_fault_or_what_the_document_does_not_say(
    schema: BaseSchema, operation: Operation, mode: GenerationMode
) -> None:
    described = schema[operation.path][operation.method]

    @settings(
        max_examples=TRIES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=described.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        case.call_and_validate(headers=WITH_KEY, excluded_checks=[positive_data_acceptance])

    ask()


@each
def test_what_is_there_is_shown_as_the_document_says(schema: BaseSchema, operation: Operation) -> None:
    ids = [KNOWN[operation.path]] if operation.path in KNOWN else ["0" * 64]
    for known in ids:
        path = {"id": known} if "{id}" in operation.path else {}
        case = schema[operation.path][operation.method].Case(path_parameters=path)
        answer = case.call_and_validate(headers=WITH_KEY)
        assert answer.status_code == (404 if "payloads" in operation.path else 200)


def test_the_document_is_valid(schema: BaseSchema) -> None:
    schema.validate()


def test_a_large_value_is_shown(address: str) -> None:
    entries = requests.get(f"{address}/api/v1/transcripts?q=blocked", headers=WITH_KEY, timeout=10).json()[
        "items"
    ]
    [reference] = [one["contextRef"] for one in entries if one["contextRef"]]

    assert requests.get(f"{address}/api/v1/payloads/{reference}", headers=WITH_KEY, timeout=10).json() == [
        "x" * 40_000
    ]
