"""The page of errors is that of the tree, and the tree has something to say of each error."""

from __future__ import annotations

import inspect
import re

import pytest

from actors.errors import LumiLinkError
from topology.errors_page import PAGE, leaves, meaning, page


def test_the_page_in_docs_is_that_of_the_tree():
    assert PAGE.read_text() == page(), "run python -m topology.errors_page"


def test_every_error_has_a_row():
    rows = re.findall(r"^\| `([a-z-]+)` \|", page(), re.MULTILINE)
    assert sorted(rows) == sorted(leaf.code for leaf in leaves())


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_an_error_says_when_it_is_raised(leaf: type[LumiLinkError]):
    assert "__doc__" in vars(leaf)
    assert inspect.getdoc(leaf) != inspect.getdoc(leaf.__bases__[0])
    assert re.fullmatch(r"\S.{8,}\.", meaning(leaf))


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_an_error_s_recovery_names_no_exception_and_no_module(leaf: type[LumiLinkError]):
    assert not re.search(r"\b\w+Error\b|\.py\b|__|Traceback", leaf.recovery)
    assert len(leaf.recovery) <= 140


@pytest.mark.parametrize("leaf", leaves(), ids=lambda leaf: leaf.__name__)
def test_what_is_retryable_is_no_bug_and_no_mistake_in_the_request(leaf: type[LumiLinkError]):
    if leaf.retryable:
        assert leaf.http_status not in (400, 401, 403, 404, 410, 413, 415, 422, 500, 501) or (
            leaf.code == "connection-unknown"
        )
