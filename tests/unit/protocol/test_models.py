"""Our models read what the schema says, no more and no less, as the installed ACP SDK has it."""

from __future__ import annotations

import acp.schema
import msgspec
import pydantic
import pytest
from msgspec import Raw

from actors.errors import InvalidParamsError
from actors.protocol import compose, models
from actors.protocol.envelope import params_of, parse

SHAPES: list[tuple[type[msgspec.Struct], type[pydantic.BaseModel]]] = [
    (models.InitializeParams, acp.schema.InitializeRequest),
    (models.InitializeResult, acp.schema.InitializeResponse),
    (models.NewSessionParams, acp.schema.NewSessionRequest),
    (models.NewSessionResult, acp.schema.NewSessionResponse),
    (models.NewSessionResult, acp.schema.ForkSessionResponse),
    (models.LoadSessionParams, acp.schema.LoadSessionRequest),
    (models.ResumeSessionParams, acp.schema.ResumeSessionRequest),
    (models.ResumeSessionParams, acp.schema.ForkSessionRequest),
    (models.ListSessionsParams, acp.schema.ListSessionsRequest),
    (models.PromptParams, acp.schema.PromptRequest),
    (models.CancelRequestParams, acp.schema.CancelRequestNotification),
    (models.SessionParams, acp.schema.CloseSessionRequest),
    (models.SessionParams, acp.schema.DeleteSessionRequest),
]


@pytest.mark.parametrize(("ours", "theirs"), SHAPES, ids=lambda shape: shape.__name__)
def test_a_model_has_the_schema_s_members(
    ours: type[msgspec.Struct], theirs: type[pydantic.BaseModel]
) -> None:
    schema = {field.alias or name: field.is_required() for name, field in theirs.model_fields.items()}
    for field in msgspec.structs.fields(ours):
        assert field.encode_name in schema, f"{theirs.__name__} has no {field.encode_name}"
        assert field.required == schema[field.encode_name], field.encode_name


def test_every_model_of_a_message_is_compared_with_the_schema() -> None:
    compared = {ours for ours, _ in SHAPES}
    defined = {
        model
        for name, model in vars(models).items()
        if isinstance(model, type) and issubclass(model, msgspec.Struct) and not name.startswith("_")
    } - {msgspec.Struct}
    assert defined == compared


@pytest.mark.parametrize("cwd", ["/", "/home/me", "/a b", "C:\\work", "c:/work", "\\\\server\\share", "/ü\n"])
def test_an_absolute_path_is_taken(cwd: str) -> None:
    assert models.NewSessionParams(cwd=cwd, mcp_servers=Raw(b"[]")).cwd == cwd


@pytest.mark.parametrize("cwd", ["", ".", "a/b", "~/a", "C:", "C:a", "\\a", "/a\0b", " /a", "file:///a"])
@pytest.mark.parametrize(
    ("method", "model"),
    [
        ("session/new", models.NewSessionParams),
        ("session/load", models.LoadSessionParams),
        ("session/resume", models.ResumeSessionParams),
        ("session/list", models.ListSessionsParams),
    ],
)
def test_a_path_that_is_not_absolute_is_refused(cwd: str, method: str, model: type[msgspec.Struct]) -> None:
    frame = compose.request(1, method, {"sessionId": "s", "cwd": cwd, "mcpServers": []})
    with pytest.raises(InvalidParamsError, match=r"^params\.cwd: expected an absolute path$"):
        params_of(parse(frame), model)


def test_a_further_directory_that_is_not_absolute_is_refused() -> None:
    with pytest.raises(InvalidParamsError, match=r"additionalDirectories\[1\]"):
        models.NewSessionParams(cwd="/", mcp_servers=Raw(b"[]"), additional_directories=["/a", "b"])


def test_a_list_of_sessions_needs_no_params() -> None:
    assert params_of(parse(compose.request(1, "session/list")), models.ListSessionsParams).cwd is None


def test_a_model_s_repr_shows_no_credentials_and_no_prompt() -> None:
    servers = [{"name": "x", "env": [{"name": "TOKEN", "value": "CANARY"}]}]
    new = parse(compose.request(1, "session/new", {"cwd": "/", "mcpServers": servers}))
    prompt = parse(compose.request(1, "session/prompt", {"sessionId": "s", "prompt": [{"text": "CANARY"}]}))
    assert "CANARY" not in repr(params_of(new, models.NewSessionParams))
    assert "CANARY" not in repr(params_of(prompt, models.PromptParams))
