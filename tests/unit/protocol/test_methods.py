"""The method table is complete, agrees with the installed ACP SDK, and is the one in the docs."""

from __future__ import annotations

from pathlib import Path

import acp.schema
import pydantic
import pytest
from acp.http.protocol import method_requires_session_header
from acp.meta import AGENT_METHODS, CLIENT_METHODS
from acp.meta import PROTOCOL_VERSION as SDK_PROTOCOL_VERSION

from actors.protocol.handshake import PROTOCOL_VERSION
from actors.protocol.methods import METHODS, Direction, Method, MethodKind, Scope, ServedBy, Stream, lookup

ROOT = Path(__file__).parents[3]
BY_NAME = {method.name: method for method in METHODS}
NOT_IN_THE_SDK = {"$/cancel_request"}
"""The protocol's own methods, which the SDK knows but does not list."""


def received_by(*directions: Direction) -> set[str]:
    return {method.name for method in METHODS if method.direction in directions} - NOT_IN_THE_SDK


def test_no_method_is_in_the_table_twice() -> None:
    assert len(BY_NAME) == len(METHODS)


def test_the_table_has_the_sdk_s_agent_methods_and_no_others() -> None:
    assert received_by(Direction.TO_AGENT, Direction.BOTH) == set(AGENT_METHODS.values())


def test_the_table_has_the_sdk_s_client_methods_and_no_others() -> None:
    assert received_by(Direction.TO_CLIENT, Direction.BOTH) == set(CLIENT_METHODS.values())


def test_the_sdk_speaks_our_version() -> None:
    assert SDK_PROTOCOL_VERSION == PROTOCOL_VERSION


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_the_session_header_is_needed_where_the_sdk_sends_it(method: Method) -> None:
    assert method.needs_session_header == method_requires_session_header(method.name)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_method_is_served_by_someone_whom_it_reaches(method: Method) -> None:
    if method.served_by is ServedBy.AGENT:
        assert method.direction is Direction.TO_AGENT
    if method.served_by is ServedBy.CLIENT:
        assert method.direction is Direction.TO_CLIENT


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_method_that_establishes_a_session_is_answered_on_the_connection(method: Method) -> None:
    if method.scope is not Scope.SESSION and method.scope is not Scope.BY_PARAMS:
        assert method.stream is Stream.CONNECTION


@pytest.mark.parametrize("method", [method for method in METHODS if method.capability], ids=lambda m: m.name)
def test_a_capability_is_a_path_in_the_schema(method: Method) -> None:
    root, *names = (method.capability or "").split(".")
    roots: dict[str, type[pydantic.BaseModel]] = {
        "agentCapabilities": acp.schema.AgentCapabilities,
        "clientCapabilities": acp.schema.ClientCapabilities,
    }
    model = roots[root]
    for at, name in enumerate(names):
        fields = {field.alias or key: field.annotation for key, field in model.model_fields.items()}
        assert name in fields, f"{model.__name__} has no {name}"
        kinds = getattr(fields[name], "__args__", [fields[name]])
        inner = [kind for kind in kinds if hasattr(kind, "model_fields")]
        if inner:
            model = inner[0]
        else:
            assert at == len(names) - 1


def test_notifications_are_what_the_schema_calls_notifications() -> None:
    notifications = {
        "session/cancel", "session/update", "elicitation/complete", "nes/accept", "nes/reject",
        "document/didOpen", "document/didChange", "document/didClose",
        "document/didSave", "document/didFocus",
        "$/cancel_request",
    }  # fmt: skip
    assert {m.name for m in METHODS if m.kind is MethodKind.NOTIFICATION} == notifications
    assert {m.name for m in METHODS if m.kind is MethodKind.EITHER} == {"mcp/message"}


def test_a_method_is_found_by_its_name() -> None:
    assert lookup("session/prompt") is BY_NAME["session/prompt"]


@pytest.mark.parametrize("name", ["session/unknown", "", "Session/prompt", "session/prompt ", "$/other"])
def test_a_name_that_acp_does_not_have_is_not_found(name: str) -> None:
    assert lookup(name) is None


def test_an_extension_passes_through_whatever_its_name() -> None:
    method = lookup("_zed.dev/workspace/buffers")
    assert method is not None
    assert (method.direction, method.kind, method.served_by) == (
        Direction.BOTH,
        MethodKind.EITHER,
        ServedBy.BOTH,
    )
    assert method.capability is None


def test_our_own_extensions_are_served_by_the_gateway() -> None:
    method = lookup("_lumilink/status")
    assert method is not None
    assert method.served_by is ServedBy.GATEWAY


def documented_row(method: Method) -> str:
    capability = f"`{method.capability}`" if method.capability else ""
    cells = (method.direction, method.kind, method.scope, method.served_by, method.stream)
    said = " | ".join(cell.value for cell in cells)
    return f"| `{method.name}`{'' if method.stable else ' *'} | {said} | {capability} |"


def test_the_docs_show_the_table_as_it_is() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    shown = [line for line in page.partition("## Methods")[2].splitlines() if line.startswith("| `")]
    assert shown == [documented_row(method) for method in METHODS]
