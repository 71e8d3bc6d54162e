"""What clients and agents are told about each other."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from acp.schema import InitializeResponse
from msgspec import UNSET, Raw

from actors.errors import AgentProtocolError, ProtocolMismatchError
from actors.protocol import compose
from actors.protocol.envelope import parse, result_raw
from actors.protocol.handshake import (
    GATEWAY_VERSION,
    check_agent_version,
    gateway_client_capabilities,
    has_capability,
    join_capabilities,
    version_number,
)
from actors.protocol.methods import lookup


def joined(agent: object = None) -> dict[str, Any]:
    raw = None if agent is None else json.dumps(agent).encode()
    result = json.loads(result_raw(parse(compose.response(1, join_capabilities(raw)))))
    assert isinstance(result, dict)
    return result


AGENT: dict[str, Any] = {
    "protocolVersion": 1,
    "agentCapabilities": {
        "loadSession": False,
        "promptCapabilities": {"image": True, "futureContent": {"a": 1.5}},
        "mcpCapabilities": {"http": True, "acp": True},
        "sessionCapabilities": {"fork": {}, "list": {"_meta": {"a": 1}}, "resume": None},
        "auth": {"logout": {}},
        "future": [1],
        "_meta": {"agent.dev": {"x": True}},
    },
    "authMethods": [{"id": "login", "name": "Log in"}],
    "agentInfo": {"name": "agent", "version": "9"},
    "_meta": {"trace": "t", "lumilink": {"kept": 1}},
    "later": {"y": None},
}


SPELLINGS: dict[int, list[int | str]] = {
    1: [1, "1", "1.0.0", " 1.2 "],
    2: [2, "2.0"],
    65535: [65535],
    0: [0, "2024-11-05", "", "v1", "-1", "9" * 5000, "\u0661"],
}


@pytest.mark.parametrize(("number", "spelled"), [(n, one) for n, many in SPELLINGS.items() for one in many])
def test_a_version_is_read_in_every_spelling(number: int, spelled: int | str) -> None:
    assert version_number(spelled) == number


@pytest.mark.parametrize("answered", [1, "1", "1.0.0"])
def test_an_agent_of_our_version_is_taken(answered: int | str) -> None:
    check_agent_version(answered)


@pytest.mark.parametrize("answered", [0, 2, "2.0.0"])
def test_an_agent_of_another_version_is_refused_and_both_are_named(answered: int | str) -> None:
    with pytest.raises(ProtocolMismatchError, match=rf"version {answered}, LumiLink speaks version 1"):
        check_agent_version(answered)
    with pytest.raises(ProtocolMismatchError, match=rf"version {answered}, LumiLink speaks version 1"):
        joined({**AGENT, "protocolVersion": answered})


@pytest.mark.parametrize("answer", [{}, {"protocolVersion": None}, {"protocolVersion": True}, [], "1"])
def test_an_answer_without_a_version_is_the_agent_s_fault(answer: object) -> None:
    with pytest.raises(AgentProtocolError, match="protocolVersion"):
        joined(answer)


def test_without_an_agent_prompts_are_text_and_sessions_are_ours() -> None:
    assert joined() == {
        "protocolVersion": 1,
        "agentCapabilities": {
            "loadSession": True,
            "promptCapabilities": {"image": False, "audio": False, "embeddedContext": False},
            "mcpCapabilities": {"http": False, "sse": False},
            "sessionCapabilities": {"list": {}, "resume": {}, "close": {}},
        },
        "authMethods": [],
        "agentInfo": {"name": "lumilink", "title": "LumiLink", "version": GATEWAY_VERSION},
    }


def test_an_agent_s_abilities_are_joined_with_the_gateway_s() -> None:
    capabilities = joined(AGENT)["agentCapabilities"]
    assert capabilities.pop("loadSession") is True
    sessions = capabilities.pop("sessionCapabilities")
    assert sessions == {"fork": {}, "list": {"_meta": {"a": 1}}, "resume": {}, "close": {}}
    assert capabilities == {key: AGENT["agentCapabilities"][key] for key in capabilities}
    assert set(capabilities) == set(AGENT["agentCapabilities"]) - {"loadSession", "sessionCapabilities"}


def test_all_else_that_an_agent_tells_passes_through() -> None:
    result = joined(AGENT)
    assert (result["authMethods"], result["later"]) == (AGENT["authMethods"], {"y": None})
    assert result["agentInfo"]["name"] == "lumilink"
    assert result["_meta"] == {"trace": "t", "lumilink": {"kept": 1, "agent": AGENT["agentInfo"]}}


def test_an_agent_that_tells_nothing_of_itself_gets_no_meta() -> None:
    assert "_meta" not in joined({"protocolVersion": 1})


@pytest.mark.parametrize("nonsense", [None, 3, "a", [], True])
def test_capabilities_that_make_no_sense_count_as_none(nonsense: object) -> None:
    agent = {"protocolVersion": 1, "agentCapabilities": nonsense, "authMethods": nonsense and {}}
    assert joined(agent) == joined()


@pytest.mark.parametrize("agent", [None, AGENT, {"protocolVersion": 1}])
def test_what_a_client_is_told_is_valid_by_the_schema(agent: object) -> None:
    answer = InitializeResponse.model_validate(joined(agent))
    assert answer.agent_capabilities is not None
    assert answer.agent_capabilities.load_session is True
    assert answer.agent_capabilities.session_capabilities is not None
    assert answer.agent_capabilities.session_capabilities.close is not None


def test_the_gateway_offers_what_the_method_table_says_it_serves() -> None:
    told = json.dumps(joined()).encode()
    for name in ("session/load", "session/resume", "session/list", "session/close"):
        method = lookup(name)
        assert method is not None
        assert method.capability is not None
        assert has_capability(told, method.capability), name


def test_an_agent_is_told_what_the_client_said() -> None:
    told = gateway_client_capabilities(Raw(b'{"fs":{"readTextFile":true},"new":1.0}'))
    assert compose.response(1, told).endswith(b'"result":{"fs":{"readTextFile":true},"new":1.0}}')


@pytest.mark.parametrize("said", [None, UNSET, Raw(b"null"), Raw(b"3")])
def test_an_agent_is_told_nothing_of_an_unknown_client(said: Any) -> None:
    assert gateway_client_capabilities(said) == {}


@pytest.mark.parametrize(
    ("path", "offered"),
    [
        ("a.yes", True),
        ("a.empty", True),
        ("a.no", False),
        ("a.null", False),
        ("a.none", False),
        ("a.yes.x", False),
    ],
)
def test_a_capability_is_offered_by_true_or_an_object(path: str, offered: bool) -> None:
    told = b'{"a":{"yes":true,"empty":{},"no":false,"null":null}}'
    assert has_capability(told, path) is offered


def test_the_version_that_is_told_is_the_package_s() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["project"]["version"] == GATEWAY_VERSION
