"""Route by route, own and other installation: nobody sees or changes what another has.

Both installations have rows of every table. What belongs to the other one is called so, and never comes up;
its ids are answered as ids that nobody has. A route that is new has no entry here, and so fails.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx
import pytest
from sqlalchemy import Connection
from starlette.requests import HTTPConnection
from unit.records.migration_conformance import insert, run
from unit.records.rows_of_revisions import ROWS, TENANT
from unit.rights.test_matrix import FREE, ROUTES, SIGNED_IN, handshake

from actors.capacity.ledger import Place
from actors.errors import MailboxFullError, WorkerUnavailableError
from actors.named_actor import NamedActor
from actors.records import migrate
from serve.reporting.app import app
from serve.reporting.feed_follower import Followers
from serve.reporting.records.source import records
from serve.rights.gate import OpenGate, gate, put
from serve.rights.identity import Identity
from serve.rights.key_store import KeyStore
from serve.rights.roles import Role

OTHER: Final = "stranger"
"""The other installation: the word is in every text and every id that it has."""
OWN_UUID: Final = "00000000-0000-0000-0000-000000000001"
OTHER_UUID: Final = "00000000-0000-0000-0000-00000000beef"
NO_UUID: Final = "00000000-0000-0000-0000-0000000000ff"
OWN_SHA, OTHER_SHA, NO_SHA = "0" * 64, "b" * 64, "c" * 64
_NAMED: Final = ("box-1", "link-1", "sess-1", "sess-2", "repo", "sess-of-ann", "laptop")
_TEXTS: Final = frozenset({"message", "description", "title", "section", "key", "toast_message", "name"})


@dataclass(frozen=True)
class Listed:
    """Lists what the caller's own installation has. ``query`` is asked with it.

    ``differs``: both have something that it shows.
    """

    query: str = ""
    differs: bool = True


@dataclass(frozen=True)
class Of:
    """Is about one thing: the caller's ``own``, another installation's, or what ``nobody`` has."""

    own: str
    other: str
    nobody: str
    body: object = None


@dataclass(frozen=True)
class Asks:
    """Asks an actor, and names the caller's installation to it."""

    body: object = None


@dataclass(frozen=True)
class Follows:
    """Follows the live events of the caller's installation."""


@dataclass(frozen=True)
class Whole:
    """Is about the whole gateway, which its right is for."""


@dataclass(frozen=True)
class Attaches:
    """Reaches a session as clients do; workers tell nobody of another's, see the integration tests."""


@dataclass(frozen=True)
class Makes:
    """Makes something of the caller's own, or reports on what ids in its body name; see its own tests."""


SETTING: Final = {"gameType": "g", "fileType": "f", "key": "k", "valueType": "int"}
UUID: Final = Of(OWN_UUID, OTHER_UUID, NO_UUID)
CONTAINER: Final = Of("box-1", f"box-1-{OTHER}", "box-9")
SESSION: Final = Of("sess-1", f"sess-1-{OTHER}", "sess-9")
CONNECTION: Final = Of("link-1", f"link-1-{OTHER}", "link-9")

_JOBS: Final = {
    "POST {}/jobs": Makes(),
    "GET {}/jobs": Listed(),
    "GET {}/jobs/{{}}": UUID,
    "POST {}/jobs/{{}}/cancel": UUID,
    "POST {}/jobs/{{}}/retry": UUID,
    "GET {}/jobs/poll": Makes(),
    "POST {}/jobs/progress": Makes(),
    "POST {}/jobs/complete": Makes(),
    "GET {}/instances/{{}}/logs": CONTAINER,
    "POST {}/instances/{{}}/logs": Makes(),
}
ENTRIES: Final = {
    **{name.format(prefix): entry for prefix in ("", "/api/v1") for name, entry in _JOBS.items()},
    "GET /api/v1/agents": Listed(),
    "POST /api/v1/agents": Makes(),
    "POST /api/v1/agents/{}/activate": UUID,
    "POST /api/v1/agents/{}/deactivate": UUID,
    "GET /api/v1/audit/export": Listed(),
    "GET /api/v1/automations": Listed(),
    "GET /api/v1/capacity/alerts": Asks(),
    "GET /api/v1/configurations": Listed(),
    "GET /api/v1/connections": Listed(),
    "GET /api/v1/connections/{}": CONNECTION,
    "GET /api/v1/connections/{}/history": CONNECTION,
    "GET /api/v1/containers": Listed(),
    "GET /api/v1/erasures": Listed(),
    "GET /api/v1/erasures/{}": Asks(),
    "GET /api/v1/events": Follows(),
    "GET /api/v1/installations/{}/protocol": Asks(),
    "PUT /api/v1/installations/{}/protocol": Asks({}),
    "DELETE /api/v1/installations/{}": Asks(),
    "DELETE /api/v1/subjects/{}": Asks(),
    "GET /api/v1/keys": Listed(),
    "POST /api/v1/keys": Makes(),
    "DELETE /api/v1/keys/{}": Of("0123456789abcdef", "b" * 16, "c" * 16),
    "GET /api/v1/messages": Listed(),
    "GET /api/v1/migrations": Listed(),
    "GET /api/v1/payloads/{}": Of(OWN_SHA, OTHER_SHA, NO_SHA),
    "GET /api/v1/pool": Whole(),
    "PUT /api/v1/pool": Whole(),
    "GET /api/v1/rollbacks": Listed(),
    "GET /api/v1/sessions": Listed(),
    "GET /api/v1/sessions/{}": SESSION,
    "GET /api/v1/sessions/{}/questions": Asks(),
    "GET /api/v1/sessions/{}/status": Asks(),
    "POST /api/v1/sessions/{}/questions/{}": Asks({"result": {}}),
    "POST /api/v1/sessions/{}/automation": Makes(),
    "GET /api/v1/sessions/{}/timeline": SESSION,
    "GET /api/v1/sessions/{}/transcript": SESSION,
    "GET /api/v1/settings": Listed(),
    "POST /api/v1/settings": Makes(),
    "GET /api/v1/settings/{}": UUID,
    "PUT /api/v1/settings/{}": replace(UUID, body=SETTING),
    "PUT /api/v1/settings/{}/value": replace(UUID, body={"value": 2}),
    "DELETE /api/v1/settings/{}": UUID,
    "GET /api/v1/settings/{}/history": UUID,
    "GET /api/v1/service-levels": Listed(differs=False),
    "GET /api/v1/summary": Listed(differs=False),
    "GET /api/v1/topology": Whole(),
    "GET /metrics": Whole(),
    "GET /api/v1/transcripts": Listed("q=repository"),
    "POST /api/v1/workers/{}/drain": Whole(),
    "GET /api/v1/workspaces/{}/protocol": Asks(),
    "PUT /api/v1/workspaces/{}/protocol": Asks({"protocol": "http"}),
    "POST /api/v1/workspaces/{}/protocol/rollback": Asks({}),
    "POST /api/v1/workspaces/{}/protocol/return": Asks({}),
    "GET /sessions": Attaches(),
    "POST /sessions": Attaches(),
    "DELETE /sessions/{}": Attaches(),
    "GET /sessions/{}/status": Attaches(),
    "GET /sessions/{}/messages": Attaches(),
    "POST /sessions/{}/message": Attaches(),
    "GET /sessions/{}/events": Attaches(),
    "POST /sessions/{}/upload": Attaches(),
    "POST /sessions/{}/cancel": Attaches(),
    "GET /sessions/{}/action": Attaches(),
    "POST /sessions/{}/action": Attaches(),
    "WS /ws": Follows(),
    "WS /runner/{jobId}": Attaches(),
    "WS /runner/agents/{installation}/{name}": Attaches(),
}
GUARDED: Final = [name for name in ROUTES if name not in FREE | SIGNED_IN]


class _Gate(OpenGate):
    """Lets one caller in."""

    def __init__(self, installation: str, url: str) -> None:
        self.keys = KeyStore(url)
        self._installation = installation

    async def identify(self, connection: HTTPConnection) -> Identity:
        return Identity(self._installation, "ann", frozenset(Role), "")


def as_other_s(row: dict[str, object]) -> dict[str, object]:
    """A row as the other installation has it: other ids, and its word in every text."""
    changed = dict(row)
    for name, value in row.items():
        if value == TENANT:
            changed[name] = OTHER
        elif value == OWN_UUID:
            changed[name] = OTHER_UUID
        elif value in _NAMED or (name in _TEXTS and isinstance(value, str)):
            changed[name] = f"{value}-{OTHER}"
        elif value == OWN_SHA:
            changed[name] = OTHER_SHA
        elif isinstance(value, str) and name == "body":
            changed[name] = f'"{OTHER}"'
    return changed


def fill(connection: Connection) -> None:
    """Rows of every table, of both."""
    own = [(table, row) for revision in sorted(ROWS) for table, row in ROWS[revision]]
    own += [] if any(table == "setting_registry" for table, _ in own) else [("setting_registry", _SETTING)]
    insert(connection, own)
    insert(connection, [(table, as_other_s(_keyed(table, row))) for table, row in own])


_SETTING: Final[dict[str, object]] = {
    "installation_id": TENANT,
    "setting_id": OWN_UUID,
    "game_type": "g",
    "file_type": "f",
    "section": "s",
    "key": "k",
    "value_type": "int",
    "constraints": "{}",
    "advanced": False,
    "version": 1,
    "created_at": "2026-03-01 12:00:00.000000",
    "updated_at": "2026-03-01 12:00:00.000000",
}


def _keyed(table: str, row: dict[str, object]) -> dict[str, object]:
    """API keys have ids of their own, whoever has them."""
    return row | {"key_id": "b" * 16} if table == "api_keys" else row


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("both") / "records.db"
    url = f"sqlite+aiosqlite:///{path}"
    asyncio.run(migrate(url))
    asyncio.run(run(url, fill))
    return path


@pytest.fixture
async def url(both: Path, tmp_path: Path) -> AsyncIterator[str]:
    found = f"sqlite+aiosqlite:///{shutil.copy(both, tmp_path / 'records.db')}"
    records().use(found)
    yield found
    await records().close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What actors were asked, none of which is there."""
    calls: list[tuple[object, ...]] = []

    async def call(_self: NamedActor, method: str, *arguments: object) -> object:
        calls.append((method, *arguments))
        if method in ("find", "home_of"):
            return Place("worker-0", "life", "127.0.0.1", 1)
        raise WorkerUnavailableError("there is no such actor")

    monkeypatch.setattr(NamedActor, "call", call)
    return calls


@pytest.fixture
async def callers(url: str) -> AsyncIterator[dict[str, _Gate]]:
    """The gates that let in somebody of either installation, in all roles; own is in force."""
    before, gates = gate(), {one: _Gate(one, url) for one in (TENANT, OTHER)}
    put(gates[TENANT])
    yield gates
    for one in gates.values():
        await one.keys.close()
    put(before)


@pytest.fixture
async def client(callers: dict[str, _Gate]) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of one's own installation."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as found:
        yield found


def of_kind(kind: type) -> list[str]:
    return [name for name in GUARDED if isinstance(ENTRIES.get(name), kind)]


async def answered(client: httpx.AsyncClient, name: str, path: str, body: object = None) -> httpx.Response:
    """What a route of this name answers at a path."""
    return await client.request(name.partition(" ")[0], path, json=body)


@pytest.mark.parametrize("name", GUARDED)
def test_every_route_says_whose_what_it_shows_is(name: str) -> None:
    assert name in ENTRIES


def test_no_entry_is_of_a_route_that_is_gone() -> None:
    assert set(ENTRIES) - set(GUARDED) == set()


@pytest.mark.parametrize("name", of_kind(Listed))
async def test_a_list_has_one_s_own_and_nothing_of_another_s(
    name: str, client: httpx.AsyncClient, callers: dict[str, _Gate]
) -> None:
    entry = ENTRIES[name]
    assert isinstance(entry, Listed)
    path = f"{name.partition(' ')[2]}?{entry.query}"
    found = await answered(client, name, path)
    put(callers[OTHER])
    others = await answered(client, name, path)

    assert (found.status_code, others.status_code) == (200, 200), found.text
    assert not any(word in found.text for word in (OTHER, OTHER_UUID, OTHER_SHA))
    assert not entry.differs or others.text != found.text


@pytest.mark.parametrize("name", of_kind(Of))
async def test_another_s_id_is_answered_as_one_that_nobody_has(name: str, client: httpx.AsyncClient) -> None:
    entry = ENTRIES[name]
    assert isinstance(entry, Of)
    path = name.partition(" ")[2]
    said = []
    for one in (entry.other, entry.nobody):
        found = await answered(client, name, path.replace("{}", one), entry.body)
        said.append((found.status_code, found.text.replace(one, "ID")))
    own = await answered(client, name, path.replace("{}", entry.own), entry.body)

    assert said[0] == said[1]
    assert said[0][0] == 404
    assert OTHER not in said[0][1]
    assert own.status_code in (200, 204, 409), own.text


@pytest.mark.parametrize("name", of_kind(Asks))
async def test_an_actor_is_asked_for_the_caller_s_own_installation(
    name: str, client: httpx.AsyncClient, asked: list[tuple[object, ...]]
) -> None:
    entry = ENTRIES[name]
    assert isinstance(entry, Asks)
    path = name.partition(" ")[2].replace("installations/{}", f"installations/{TENANT}").replace("{}", "x")
    await answered(client, name, path, entry.body)

    assert asked
    assert any(TENANT in repr(call) for call in asked), asked


@pytest.mark.parametrize("name", of_kind(Follows))
async def test_live_events_are_those_of_the_caller_s_own_installation(
    name: str, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[str] = []

    def watch(_self: Followers, installation: str) -> None:
        watched.append(installation)
        raise MailboxFullError("nobody is told anything here")

    monkeypatch.setattr(Followers, "watch", watch)
    with suppress(MailboxFullError):
        if name.startswith("WS"):
            await handshake(name.partition(" ")[2])
        else:
            await answered(client, name, name.partition(" ")[2])

    assert watched == [TENANT]


@pytest.mark.parametrize("name", [name for name in GUARDED if "installations/{}" in name])
async def test_another_installation_is_forbidden_by_its_name(
    name: str, client: httpx.AsyncClient, asked: list[tuple[object, ...]]
) -> None:
    found = await answered(client, name, name.partition(" ")[2].replace("{}", OTHER), None)

    assert (found.status_code, found.json()["code"]) == (403, "forbidden")
    assert asked == []
