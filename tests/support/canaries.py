"""Secrets that are looked for: one of each form, and some of no form, which their place alone gives away."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

CANARIES: Final = {
    "github": "ghp_c4naryC4naryC4naryC4naryC4nary012345",
    "anthropic": "sk-ant-api03-c4naryC4nary0123456789c4naryC4nary0123456789",
    "openai": "sk-proj-c4naryC4nary0123456789c4naryC4nary0123456789c4",
    "aws": "AKIAC4NARYC4NARY1234",
    "slack": "xoxb-123456789012-c4naryc4naryc4nary",
    "gitlab": "glpat-c4naryC4nary01234567",
    "json web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNG5hcnkifQ.c4naryC4naryC4naryC4nary",
    "password of an address": "sw0rdfish-c4nary-77",
    "query of an address": "querYc4narY0123456789abcd",
    "header": "Y2FuYXJ5OmM0bmFyeWM0bmFyeQ==",
    "environment of the gateway": "tidepool-c4nary-5512",
    "environment of a session": "sandbar-c4nary-8846",
    "header of a session": "driftwood-c4nary-3390",
    "unsaid environment of the gateway": "moorland-c4nary-4128",
    "unsaid environment of a session": "estuary-c4nary-2927",
    "unsaid header of a session": "limestone-c4nary-9354",
    "field of the settings": "lighthouse-c4nary-6071",
}
SAID: Final = tuple(list(CANARIES)[:10])
"""What is a credential by its form or its place in a text."""
UNSAID: Final = tuple(list(CANARIES)[13:])
"""What no conversation holds."""


def said() -> dict[str, str]:
    """Texts that somebody may say, each with one of the secrets in its usual place."""
    text = {name: f"I use {CANARIES[name]} for it." for name in SAID[:7]}
    password, query = CANARIES["password of an address"], CANARIES["query of an address"]
    return text | {
        "password of an address": f"git clone https://ann:{password}@git.example/x",
        "query of an address": f"GET https://api.example/x?access_token={query}&a=1",
        "header": f"Authorization: Basic {CANARIES['header']}",
        "environment of the gateway": f"DEPLOY_TOKEN={CANARIES['environment of the gateway']} make deploy",
        "environment of a session": f"the value is {CANARIES['environment of a session']} indeed",
        "header of a session": f"sent {CANARIES['header of a session']} along",
    }


def surroundings() -> list[dict[str, object]]:
    """MCP servers of a session whose environment and headers hold secrets of no form."""
    environment = [
        {"name": "WHATEVER", "value": CANARIES["environment of a session"]},
        {"name": "MORE", "value": CANARIES["unsaid environment of a session"]},
    ]
    headers = [
        {"name": "X-Thing", "value": f"Scheme {CANARIES['header of a session']}"},
        {"name": "X-More", "value": CANARIES["unsaid header of a session"]},
    ]
    return [
        {"name": "a", "command": "/bin/true", "args": [], "env": environment},
        {"name": "b", "type": "http", "url": "https://mcp.example", "headers": headers},
    ]


def found_in(data: bytes, names: Iterable[str] = CANARIES) -> list[str]:
    """The names of the secrets that some bytes hold."""
    return [name for name in names if CANARIES[name].encode() in data]


def found_under(
    folder: Path, names: Iterable[str] = CANARIES, but: Iterable[str] = ()
) -> dict[str, list[str]]:
    """The files under a folder that hold any, each with what it holds, but for files of some names."""
    left_out = set(but)
    files = [file for file in folder.rglob("*") if file.is_file() and file.name not in left_out]
    found = {str(file.relative_to(folder)): found_in(file.read_bytes(), names) for file in files}
    return {name: held for name, held in found.items() if held}
