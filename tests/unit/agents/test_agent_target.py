"""TARGET strings: what is accepted, what is refused, and that nothing secret is shown."""

from __future__ import annotations

import pickle

import pytest

from actors.agents.target import AgentTarget, TargetKind
from actors.errors import InvalidParamsError, SettingsError


@pytest.mark.parametrize(
    ("text", "kind", "url"),
    [
        ("ws://localhost:8080/acp", TargetKind.WEBSOCKET, "ws://localhost:8080/acp"),
        ("wss://agents.example/acp", TargetKind.WEBSOCKET, "wss://agents.example/acp"),
        ("http://[::1]:80/acp", TargetKind.HTTP, "http://[::1]:80/acp"),
        ("https://agents.example/a/b?x=1", TargetKind.HTTP, "https://agents.example/a/b?x=1"),
        ("agentapi+http://127.0.0.1:3284", TargetKind.AGENTAPI, "agentapi+http://127.0.0.1:3284"),
        ("  ws://h/acp\n", TargetKind.WEBSOCKET, "ws://h/acp"),
    ],
)
def test_a_url_is_parsed_into_its_kind(text: str, kind: TargetKind, url: str) -> None:
    target = AgentTarget.parse(text)
    assert (target.kind, target.url, target.command) == (kind, url, ())


def test_a_command_is_split_as_a_shell_would_but_runs_without_one() -> None:
    target = AgentTarget.parse("stdio:npx -y 'my agent' --flag=\"a b\" $HOME")
    assert target.kind is TargetKind.STDIO
    assert target.command == ("npx", "-y", "my agent", "--flag=a b", "$HOME")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "claude",
        "localhost:8080",
        "ftp://host/acp",
        "ws://",
        "http:///acp",
        "http://host:99999/acp",
        "http://[::1/acp",
        "ws://host/acp#part",
    ],
)
def test_what_is_not_accepted_is_refused_with_what_would_be(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AgentTarget.parse(text)
    assert "stdio:COMMAND ARGS" in caught.value.detail
    assert text.partition("#")[0] in caught.value.detail


@pytest.mark.parametrize("text", ["stdio:", "stdio:  ", "stdio:'open", "stdio:''"])
def test_a_command_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="stdio:"):
        AgentTarget.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "ws://user:c4n4ry@host/acp?token=c4n4ry",
        "https://c4n4ry@host/acp",
        "stdio:agent --key c4n4ry",
    ],
)
def test_a_target_never_shows_its_secrets(text: str) -> None:
    target = AgentTarget.parse(text)
    for shown in (repr(target), str(target), f"{target}", target.label):
        assert "c4n4ry" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "ftp://user:c4n4ry@host/x",
        "nope://host/x?k=c4n4ry",
        "user:c4n4ry@host",
        "claude --key=c4n4ry",
        "http://u:c4n4ry@host:xx/",
        "ws://u:c4n4ry@host/#c4n4ry",
        "stdio:agent --key 'c4n4ry",
    ],
)
def test_a_refusal_never_shows_secrets(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AgentTarget.parse(text)
    assert "c4n4ry" not in str(caught.value)


def test_credentials_are_taken_out_of_the_url_and_decoded() -> None:
    target = AgentTarget.parse("http://me:p%40ss@host:1/acp?q=1")
    assert target.credentials == ("me", "p@ss")
    assert target.url == "http://host:1/acp?q=1"
    assert target.label == "http://***@host:1/acp"


def test_a_target_survives_a_pickle_round_trip() -> None:
    target = AgentTarget.parse("stdio:agent --key x")
    assert pickle.loads(pickle.dumps(target)) == target


# ---------------------------------------------------------------------- placeholders


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("ws://{containerId}/acp", "ws://web-7/acp"),
        ("wss://{containerId}.agents.example:8443/acp", "wss://web-7.agents.example:8443/acp"),
        ("http://gate/c/{containerId}/acp?x={y}", "http://gate/c/web-7/acp?x={y}"),
        ("agentapi+http://{containerId}:3284/{workspaceId}", "agentapi+http://web-7:3284/ws%20%2F1"),
    ],
)
def test_a_placeholder_in_the_host_or_the_path_is_filled_in(text: str, url: str) -> None:
    assert AgentTarget.parse(text).filled("web-7", "ws /1").url == url


def test_credentials_stay_beside_a_filled_address_and_out_of_its_label() -> None:
    filled = AgentTarget.parse("ws://me:hunter2@{containerId}/acp").filled("web-7", "")

    assert filled.credentials == ("me", "hunter2")
    assert filled.label == "ws://***@web-7/acp"
    assert not filled.placeholders


@pytest.mark.parametrize("text", ["ws://{other}/acp", "ws://h/{/acp", "ws://h/a}b", "ws://{containerid}/acp"])
def test_no_other_placeholder_is_taken(text: str) -> None:
    with pytest.raises(SettingsError, match="containerId"):
        AgentTarget.parse(text)


@pytest.mark.parametrize(
    "container_id", ["", "A", "a.b", "a_b", "-a", "a-", "a" * 64, "a/../b", "a@b", "a:1", "ü"]
)
def test_a_container_is_a_host_label(container_id: str) -> None:
    with pytest.raises(InvalidParamsError, match=r"containerId: .*expected 1 to 63"):
        AgentTarget.parse("ws://h/{containerId}/acp").filled(container_id, "")


@pytest.mark.parametrize("workspace_id", ["a/b", "ws_1", "a.evil.example", ""])
def test_a_workspace_in_a_host_must_be_a_label(workspace_id: str) -> None:
    with pytest.raises(InvalidParamsError, match="workspaceId"):
        AgentTarget.parse("ws://{workspaceId}/acp").filled("", workspace_id)


@pytest.mark.parametrize("workspace_id", [".", "..", ""])
def test_a_workspace_does_not_lead_out_of_its_path(workspace_id: str) -> None:
    with pytest.raises(InvalidParamsError, match="workspaceId"):
        AgentTarget.parse("http://h/{workspaceId}/acp").filled("", workspace_id)


def test_a_command_may_have_braces() -> None:
    target = AgentTarget.parse("""stdio:agent --json '{"containerId": 1}'""")

    assert target.filled("", "") is target
