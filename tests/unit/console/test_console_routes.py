"""The console's files: what is sent, with which promises to the browser."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from serve.console.assets import PLOTLY, STATIC, Assets
from serve.console.routes import ROUTES

PAGE = "http://127.0.0.1/console"


@pytest.fixture
def http() -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=Starlette(routes=ROUTES))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_the_page_is_served_at_console(http: httpx.AsyncClient):
    answer = await http.get("/console")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>LumiLink console</title>" in answer.text


@pytest.mark.parametrize("path", ["/console", "/console/assets/js/app.js", "/console/assets/none.js"])
async def test_every_answer_forbids_what_is_inline_or_from_elsewhere(http: httpx.AsyncClient, path: str):
    headers = (await http.get(path)).headers
    policy = headers["content-security-policy"]

    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "style-src 'self';" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


async def test_every_file_that_the_page_names_is_there(http: httpx.AsyncClient):
    named = re.findall(r'(?:href|src)="(/console/[^"]+)"', (await http.get("/console")).text)

    assert len(named) >= 7
    for path in named:
        assert (await http.get(path)).status_code == 200, path


async def test_every_module_that_is_imported_is_there():
    names = Assets().names
    for path in (STATIC / "js").rglob("*.js"):
        for imported in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            target = (path.parent / imported).resolve().relative_to(STATIC.resolve())
            assert target.as_posix() in names, f"{path.name} imports {imported}"


async def test_plotly_comes_from_its_wheel_and_is_compressed(http: httpx.AsyncClient):
    async with http.stream("GET", f"/console/assets/{PLOTLY}") as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert answer.headers["content-encoding"] == "gzip"
    assert len(raw) < 2_000_000
    assert b"plotly.js v" in gzip.decompress(raw)[:200]


async def test_plotly_knows_the_names_by_which_it_leaves_its_styles_out():
    found = await Assets().asset(PLOTLY)
    assert found is not None
    script, charts = found.body().decode(), (STATIC / "js/charts.js").read_text()
    named = re.findall(r'MAP_STYLES = "([0-9a-f]{64})"', charts)

    assert named
    assert f'document.getElementById("{named[0]}")' in script
    assert "plotly.js-style-" in script
    assert ".no-inline-styles" in script


async def test_a_client_that_takes_no_gzip_gets_the_file_as_it_is(http: httpx.AsyncClient):
    answer = await http.get("/console/assets/js/dom.js", headers={"Accept-Encoding": "identity"})

    assert "content-encoding" not in answer.headers
    assert answer.content == (STATIC / "js/dom.js").read_bytes()


async def test_a_file_that_is_known_already_is_not_sent_again(http: httpx.AsyncClient):
    first = await http.get("/console/assets/css/base.css")
    again = await http.get("/console/assets/css/base.css", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "name", ["../assets.py", "..%2Fassets.py", "%2Fetc%2Fpasswd", "js/../../routes.py", "js", ""]
)
async def test_no_other_file_can_be_had(http: httpx.AsyncClient, name: str):
    answer = await http.get(f"/console/assets/{name}")

    assert answer.status_code == 404
    assert b"import" not in answer.content


async def test_a_name_that_was_rebound_to_this_machine_gets_nothing(http: httpx.AsyncClient):
    answer = await http.get("/console", headers={"Host": "evil.example"})

    assert answer.status_code == 400


async def test_who_looks_is_told_what_they_may(http: httpx.AsyncClient):
    answer = await http.get("/console/identity")
    told = json.loads(answer.content)

    assert told["installation"] == "default"
    assert "protocol-change" in told["rights"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_wheel_has_the_files_of_the_console():
    # Hatch packs all files of a package that git does not ignore.
    assert (Path(__file__).parents[3] / "serve/console/static/index.html").is_file()
    assert not (STATIC / ".gitignore").exists()
