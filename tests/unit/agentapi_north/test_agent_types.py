"""What AgentAPI calls an agent, by the name that it gives itself."""

from __future__ import annotations

import json

import pytest

from serve.agentapi.service import _type_of


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("claude-code", "claude"),
        ("@agentclientprotocol/claude-agent-acp", "claude"),
        ("Gemini CLI", "gemini"),
        ("opencode", "opencode"),
        ("Amp", "amp"),
        ("lumilink-example", "custom"),
        ("precursor", "custom"),
        ("", "custom"),
    ],
)
def test_an_agent_is_known_by_a_word_of_its_name_and_not_by_a_part_of_one(name: str, known_as: str) -> None:
    assert _type_of(json.dumps({"agentInfo": {"name": name}}).encode()) == known_as


@pytest.mark.parametrize("profile", [None, b"{}", b"[]", b"not json"])
def test_an_agent_that_does_not_say_is_a_custom_one(profile: bytes | None) -> None:
    assert _type_of(profile) == "custom"
