"""The real agents: how each is started so that it talks to the stub model and to nobody else."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from npm_packages import MODULES, node
from stub_model import MODEL

CREDENTIAL: Final = "no-credential"
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TZ")


@dataclass(frozen=True, slots=True)
class AgentProgram:
    """One agent: its command, and the settings of its own that it needs beside a home folder."""

    name: str
    command: tuple[str, ...]
    settings: dict[str, str]

    def environment(self, home: Path) -> dict[str, str]:
        """All environment variables to start it with. Everything it keeps goes under ``home``."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        folders = {
            f"XDG_{kind.upper()}_HOME": str(home / kind) for kind in ("config", "data", "cache", "state")
        }
        return inherited | self.settings | folders | {"HOME": str(home)}

    @property
    def target(self) -> str:
        """The agent as a TARGET of ``lumilink up --agent``, which hands its own environment on."""
        return f"stdio:{shlex.join(self.command)}"


def claude_code(model_url: str) -> AgentProgram:
    """Claude Code behind its ACP adapter."""
    adapter = MODULES / "@agentclientprotocol" / "claude-agent-acp" / "dist" / "index.js"
    settings = {
        "ANTHROPIC_BASE_URL": model_url,
        "ANTHROPIC_API_KEY": CREDENTIAL,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
        "IS_SANDBOX": "1",  # without it, it refuses some modes to root
    }
    return AgentProgram("claude", (node(), str(adapter)), settings)


def opencode(model_url: str) -> AgentProgram | None:
    """OpenCode; none where there is no build of it for this machine."""
    binary = MODULES / "opencode-linux-x64-baseline" / "bin" / "opencode"
    if not binary.exists():
        return None
    settings = {
        "OPENCODE_CONFIG_CONTENT": json.dumps(_opencode_config(model_url)),
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "npm_config_offline": "true",  # it installs a package for plugins at every first start
    }
    return AgentProgram("opencode", (str(binary), "acp"), settings)


PROGRAMS: Final[dict[str, Callable[[str], AgentProgram | None]]] = {
    "claude": claude_code,
    "opencode": opencode,
}


def _opencode_config(model_url: str) -> dict[str, object]:
    provider = {
        "npm": "@ai-sdk/openai-compatible",  # bundled in the binary
        "name": "Stub",
        "options": {"baseURL": f"{model_url}/v1", "apiKey": CREDENTIAL},
        "models": {MODEL: {"name": "Stub"}},
    }
    return {
        "model": f"stub/{MODEL}",
        "small_model": f"stub/{MODEL}",
        "autoupdate": False,
        "share": "disabled",
        "permission": {"edit": "ask", "bash": "ask", "webfetch": "deny"},
        "provider": {"stub": provider},
    }
