"""What holds for every script and style of the console, by reading them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from serve.console.assets import STATIC

SCRIPTS = sorted((STATIC / "js").rglob("*.js"))
STYLES = sorted((STATIC / "css").glob("*.css"))
PARSES_HTML = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment"
    r"|srcdoc|setHTML|\beval\(|new Function|javascript:"
)
MAX_LINES = 150


def name_of(path: Path) -> str:
    return path.relative_to(STATIC).as_posix()


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_no_script_makes_html_or_code_of_text(path: Path):
    assert not PARSES_HTML.search(path.read_text())


@pytest.mark.parametrize("path", [*SCRIPTS, *STYLES, STATIC / "index.html"], ids=name_of)
def test_nothing_comes_from_elsewhere(path: Path):
    text = path.read_text().replace("http://www.w3.org/", "")

    assert not re.search(r"https?://|@import|(?:src|href)=\"//", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_every_script_says_what_it_is_for_and_stays_small(path: Path):
    text = path.read_text()

    assert text.startswith("// ")
    assert text.count("\n") <= MAX_LINES


def test_the_page_has_no_inline_script_or_style():
    page = (STATIC / "index.html").read_text()

    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", page)


@pytest.mark.parametrize("path", [p for p in STYLES if p.name != "tokens.css"], ids=name_of)
def test_colours_are_named_in_one_place(path: Path):
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b", path.read_text())
