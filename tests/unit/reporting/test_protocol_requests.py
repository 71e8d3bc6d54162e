"""What the headers and the query of a request say that changes a protocol."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from actors import errors
from serve.reporting.protocol_requests import Conditions, conditions_of


def told(headers: dict[str, str] | None = None, query: str = "", body: bytes = b"{}") -> Conditions:
    raw = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/p",
        "headers": raw,
        "query_string": query.encode(),
        "server": ("h", 1),
        "scheme": "http",
    }
    return conditions_of(Request(scope), body)


def test_without_any_of_it_any_version_will_do_and_nothing_is_remembered():
    found = told()

    assert (found.version, found.key, found.dry_run) == (None, "", False)


@pytest.mark.parametrize(("named", "version"), [('"7"', 7), ('W/"7"', 7), ("*", None), (' "0" ', 0)])
def test_if_match_names_a_version(named: str, version: int | None):
    assert told({"If-Match": named}).version == version


@pytest.mark.parametrize("named", ["7", '"seven"', '"1", "2"', ""])
def test_an_if_match_that_is_no_etag_of_ours_is_refused(named: str):
    with pytest.raises(errors.InvalidRequestError):
        told({"If-Match": named})


def test_two_requests_with_one_key_are_told_apart_by_what_they_ask():
    one = told({"Idempotency-Key": "k"})

    assert one == told({"Idempotency-Key": "k"})
    assert one.digest != told({"Idempotency-Key": "k"}, body=b'{"reason":"x"}').digest


def test_a_key_of_any_length_is_not_kept():
    with pytest.raises(errors.InvalidRequestError):
        told({"Idempotency-Key": "k" * 201})


@pytest.mark.parametrize(("query", "dry_run"), [("dryRun=true", True), ("dryRun=0", False), ("", False)])
def test_a_dry_run_is_asked_for(query: str, dry_run: bool):
    assert told(query=query).dry_run is dry_run


def test_a_dry_run_that_is_not_understood_is_refused_and_not_carried_out():
    with pytest.raises(errors.InvalidParamsError, match="dryRun"):
        told(query="dryRun=yes")
