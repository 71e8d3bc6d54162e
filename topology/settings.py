"""Every setting of a gateway: one model, validated before anything starts.

A value comes from the command line, else from the environment (``LUMILINK_PORT``), else from the file
given by ``--config`` (TOML), else it is the default.
"""

from __future__ import annotations

import ipaddress
import os
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from actors import errors
from actors.agents.target import AgentTarget
from actors.journal.contract import Durability

EXAMPLE_AGENT = f"stdio:{sys.executable} -m actors.agents.example"
MAX_FRAME_BYTES = 16 * 1024 * 1024


def _target(text: str) -> str:
    try:
        AgentTarget.parse(text)
    except errors.SettingsError as error:
        raise ValueError(error.detail) from None
    return text


def _journal(text: str) -> str:
    if text in ("sqlite", "memory") or text.startswith(("redis://", "rediss://")):
        return text
    raise ValueError("expected sqlite, memory, redis://… or rediss://…")


class Settings(BaseSettings):
    """The gateway's settings. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="LUMILINK_", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address that clients connect to.")
    port: int = Field(8000, ge=1, le=65535, description="Port that clients connect to.")
    agent: Annotated[str, AfterValidator(_target)] = Field(
        EXAMPLE_AGENT,
        description="The agent that sessions get: ws://…/acp, http://…/acp or stdio:COMMAND ARGS.",
        repr=False,
    )
    agent_environment: tuple[str, ...] = Field(
        ("*",), description="Patterns of the names of environment variables that local agents inherit."
    )
    workers: int = Field(1, ge=1, le=64, description="Worker processes that hold sessions.")
    sessions_per_worker: int = Field(1000, ge=1, le=10_000, description="Sessions that a worker takes.")
    ingress_replicas: int = Field(
        1, ge=1, le=32, description="Ingress replicas that hold client connections."
    )
    data_dir: Path = Field(
        Path(".lumilink"), description="Where the journal and its key are kept; logs are found under logs/."
    )
    journal: Annotated[str, AfterValidator(_journal)] = Field(
        "sqlite",
        description="Where sessions are kept: sqlite (a file in data_dir), redis://…, or memory, which ends "
        "with its worker.",
        repr=False,
    )
    durability: Durability = Field(
        "process",
        description="What an event outlives once it is shown: a killed process, or a loss of power.",
    )
    allowed_origins: tuple[str, ...] = Field((), description="Origins of web pages that may connect.")
    max_frame_bytes: int = Field(
        MAX_FRAME_BYTES, ge=1024, le=MAX_FRAME_BYTES, description="Largest JSON-RPC message that is taken."
    )
    agent_start_timeout_s: float = Field(
        60.0, gt=0, description="Time for dialling an agent and its first answers."
    )
    request_timeout_s: float = Field(60.0, gt=0, description="Time for an agent's answer to all but prompts.")
    cancel_grace_s: float = Field(30.0, gt=0, description="Time for an agent to end a cancelled turn.")
    detached_ttl_s: float = Field(
        900.0, gt=0, description="Time until a session without clients and turns is unloaded from its worker."
    )
    history_bytes: int = Field(
        128 * 1024, ge=4096, description="Messages of one session kept in memory; the journal has all."
    )
    agent_idle_s: float = Field(
        900.0, gt=0, description="Time without a turn until an agent that can load its session is let go."
    )
    stall_timeout_s: float = Field(
        1800.0, gt=0, description="Time that an agent may be silent in a turn until it counts as stuck."
    )
    question_ttl_s: float = Field(
        86_400.0, gt=0, description="Time until a question of an agent that nobody answers is cancelled."
    )
    reconnect_first_delay_s: float = Field(1.0, gt=0, description="Pause before an agent is dialled again.")
    reconnect_max_delay_s: float = Field(30.0, gt=0, description="Longest pause between two such attempts.")
    reconnect_attempts: int = Field(5, ge=1, le=100, description="Attempts until the agent counts as lost.")
    connection_idle_s: float = Field(
        300.0, gt=0, description="Time until an unused HTTP connection is closed."
    )
    dashboard: bool = Field(True, description="Whether Ray's dashboard is started, on loopback.")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def load(config: Path | None, flags: dict[str, object]) -> Settings:
    """Read the settings. Raises SettingsError: one line a field, what it got and what it takes."""
    values: dict[str, Any] = {}
    if config is not None:
        try:
            values = tomllib.loads(config.read_text())
        except OSError as error:
            raise errors.SettingsError(f"{config}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise errors.SettingsError(f"{config}: not TOML: {error}") from None
        # The environment goes before the file, as a flag goes before both.
        values = {
            name: value for name, value in values.items() if f"LUMILINK_{name.upper()}" not in os.environ
        }
    try:
        settings = Settings(**{**values, **flags})
    except ValidationError as error:
        raise errors.SettingsError("\n".join(_line(fault) for fault in error.errors())) from None
    if not settings.is_loopback:
        raise errors.SettingsError(
            f"host: {settings.host} can be reached from other machines, which needs authentication, and "
            "there is none yet; use a loopback address such as 127.0.0.1"
        )
    return settings


def _line(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"]) or "settings"
    got = "" if name in ("agent", "journal") else f", got {fault['input']!r}"
    said = fault["msg"].removeprefix("Value error, ")
    return f"{name}: {said[:1].lower()}{said[1:]}{got}"
