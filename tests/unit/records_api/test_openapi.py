"""The document tells of everything that is served, and of nothing else."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from serve.reporting.app import OPERATIONS, reporting_app

DOCUMENT = "/api/v1/openapi.json"


@pytest.fixture
async def document(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(DOCUMENT)).json()
    return found


def served() -> set[tuple[str, str]]:
    routes = [one for one in reporting_app().routes if isinstance(one, Route)]
    return {
        (method, re.sub(r":\w+}", "}", one.path))
        for one in routes
        for method in (one.methods or ()) - {"HEAD"}
        if one.path.startswith("/api/v1")
    }


def test_every_route_of_the_api_is_documented(document: dict[str, Any]) -> None:
    told = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert {(method, path) for method, path in told if path.startswith("/api/v1")} == served()


def test_every_operation_says_what_it_answers_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    names = []
    for path, methods in document["paths"].items():
        for operation in methods.values():
            names.append(operation["operationId"])
            assert operation["summary"].endswith(".")
            assert "default" in operation["responses"]
            parameters = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert parameters == set(re.findall(r"{(\w+)}", path)), path
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r"#/components/schemas/(\w+)", str(document)))

    assert references <= document["components"]["schemas"].keys()


def test_what_needs_a_right_names_it(document: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        told = document["paths"][operation.path][operation.method.lower()]
        assert told.get("x-right") == operation.right
        assert (told.get("security") == []) is (operation.right is None)
