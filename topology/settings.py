"""Every setting of a gateway: one model, validated before anything starts.

A value comes from the command line, else from the environment (``LUMILINK_PORT``), else from the file
given by ``--config`` (TOML), else it is the default.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from actors import errors
from actors.agents.target import AgentTarget, TargetKind
from actors.journal.contract import Durability
from actors.retention.policy import RetainedKind
from serve.rights.addresses import is_loopback

EXAMPLE_AGENT = f"stdio:{sys.executable} -m actors.agents.example"
SECRETIVE = frozenset(
    {
        "agent",
        "fallback_agent",
        "journal",
        "records",
        "gcs_redis",
        "jwt_keys",
        "alert_webhook_url",
        "alert_webhook_secret",
        "smtp_user",
        "smtp_password",
        "github_token",
        "github_webhook_secret",
        "kafka_user",
        "kafka_password",
    }
)
"""What may hold a secret, and so is never shown."""
MAX_WORKERS = 64
MAX_FRAME_BYTES = 16 * 1024 * 1024


def _target(text: str) -> str:
    try:
        AgentTarget.parse(text)
    except errors.SettingsError as error:
        raise ValueError(error.detail) from None
    return text


def _fallback(text: str) -> str:
    if text and AgentTarget.parse(_target(text)).kind is not TargetKind.AGENTAPI:
        raise ValueError("expected agentapi+http://HOST:PORT")
    return text


def _journal(text: str) -> str:
    if text in ("sqlite", "memory") or text.startswith(("redis://", "rediss://")):
        return text
    raise ValueError("expected sqlite, memory, redis://… or rediss://…")


def _records(text: str) -> str:
    if text == "sqlite" or text.startswith(("postgresql://", "postgresql+asyncpg://")):
        return text
    raise ValueError("expected sqlite or postgresql://USER@HOST/NAME")


def _redis(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text and not (host and port.isdecimal()):
        raise ValueError("expected HOST:PORT")
    return text


def _servers(text: str) -> str:
    for one in text.split(",") if text else ():
        host, _, port = one.rpartition(":")
        if not (host and port.isdecimal()):
            raise ValueError("expected HOST:PORT, or several with commas between")
    return text


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if text and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("expected http://… or https://…")
    return text


def _key_set(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("expected https://…, http://… on this machine, or a file")
    return text


class Settings(BaseSettings):
    """The gateway's settings. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="LUMILINK_", extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address that clients connect to.")
    port: int = Field(8000, ge=1, le=65535, description="Port that clients connect to.")
    agent: Annotated[str, AfterValidator(_target)] = Field(
        EXAMPLE_AGENT,
        description="The agent that sessions get: ws://…/acp, http://…/acp, stdio:COMMAND ARGS, "
        "agentapi+http://HOST:PORT or runner:NAME. In the host or the path {containerId} and {workspaceId} "
        "are filled in.",
        repr=False,
    )
    fallback_agent: Annotated[str, AfterValidator(_fallback)] = Field(
        "",
        description="The same agent over HTTP, for sessions that ACP fails: agentapi+http://HOST:PORT, "
        "with the same to fill in; none: there is none.",
        repr=False,
    )
    fallback_enabled: bool = Field(
        True, description="Whether a session that ACP fails goes on over HTTP by itself."
    )
    agent_environment: tuple[str, ...] = Field(
        ("*",), description="Patterns of the names of environment variables that local agents inherit."
    )
    workers: int = Field(
        1, ge=1, le=MAX_WORKERS, description="Worker processes that hold sessions, and are always there."
    )
    max_workers: int = Field(
        0,
        ge=0,
        le=MAX_WORKERS,
        description="Most worker processes that load may bring about; 0: as many as are always there.",
    )
    scale_down_after_s: float = Field(
        300.0, gt=0, description="Time that fewer workers must have been enough until one of them is let go."
    )
    worker_cpus: float = Field(
        0.0, ge=0, description="CPUs that a node must have free to take a worker, as Ray counts them."
    )
    worker_resource: str = Field(
        "", description="Custom resource of Ray of which a worker takes 1; none: it may be on any node."
    )
    sessions_per_worker: int = Field(1000, ge=1, le=10_000, description="Sessions that a worker takes.")
    ingress_replicas: int = Field(
        1, ge=1, le=32, description="Ingress replicas that hold client connections, and are always there."
    )
    max_ingress_replicas: int = Field(
        0,
        ge=0,
        le=32,
        description="Most ingress replicas that load may bring about; 0: as many as are always there.",
    )
    address: str = Field(
        "", description="Ray cluster to join, such as auto or 10.0.0.1:6379; none: one is started here."
    )
    gcs_redis: Annotated[str, AfterValidator(_redis)] = Field(
        "",
        description="Redis HOST:PORT in which a Ray that is started here keeps its state, so that its "
        "control process can be started anew; none: it is kept in memory.",
        repr=False,
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
    records: Annotated[str, AfterValidator(_records)] = Field(
        "sqlite",
        description="Where records and API keys are kept: sqlite (a file in data_dir), or postgresql://…",
        repr=False,
    )
    retention: dict[RetainedKind, Annotated[int, Field(ge=0, le=36_500)]] = Field(
        {},
        description=f"For how many days what is kept: a table with any of {', '.join(RetainedKind)}; what is "
        "not named, and 0: for ever.",
    )
    retention_installations: dict[str, dict[RetainedKind, Annotated[int, Field(ge=0, le=36_500)]]] = Field(
        {}, description="The same for some installations, by their names; it goes before retention."
    )
    retention_sweep_every_s: float = Field(
        3600.0, ge=1.0, le=86_400.0, description="Time between two searches for what is too old."
    )
    allowed_origins: tuple[str, ...] = Field((), description="Origins of web pages that may connect.")
    auth: Literal["none", "keys", "jwt", "keys-and-jwt"] = Field(
        "none",
        description="Which credentials clients must show: keys, jwt (tokens of an issuer), keys-and-jwt, or "
        "none: whoever is on this machine may do everything.",
    )
    jwt_issuer: str = Field("", description="Issuer of the tokens that are taken: exactly their claim iss.")
    jwt_audience: str = Field("", description="What the tokens are for: exactly one of their claim aud.")
    jwt_keys: Annotated[str, AfterValidator(_key_set)] = Field(
        "",
        description="The issuer's public keys (JWKS): https://…, http://… on this machine, or a file.",
        repr=False,
    )
    jwt_leeway_s: float = Field(3.0, ge=0, le=60, description="By how much the issuer's clock may differ.")
    jwt_installation_claim: str = Field(
        "installation", min_length=1, description="Claim that names the installation."
    )
    jwt_user_claim: str = Field("sub", min_length=1, description="Claim that names the user.")
    jwt_roles_claim: str = Field(
        "roles", min_length=1, description="Claim with the roles: a list, or words in one text."
    )
    client_address_header: str = Field(
        "",
        description="Header in which a proxy of yours tells the client's address, such as X-Forwarded-For; "
        "none: failed attempts are counted by the key that is tried.",
    )
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
    agent_memory_reserve: float = Field(
        0.1,
        ge=0.0,
        lt=1.0,
        description="Share of a node's memory that no local agent is started into; 0.1 is a tenth.",
    )
    agent_wait_s: float = Field(
        60.0, gt=0, description="Time that a local agent may wait for memory until its session is refused it."
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
    reconnect_idle_timeout_s: float = Field(
        60.0,
        gt=0,
        description="Time after which an agent's link is dead on which nothing was heard, not even an answer "
        "to a keep-alive.",
    )
    protocol_default: Literal["acp", "http"] = Field(
        "acp",
        description="Protocol of new workspaces, where their installation has no policy of its own; the next "
        "settings are such a policy's, too.",
    )
    rollback_automatic: bool = Field(
        True, description="Whether a workspace that ACP fails too often goes back to HTTP by itself."
    )
    rollback_threshold: float = Field(
        0.99,
        ge=0,
        le=1,
        description="Share of a workspace's ACP operations within an hour that must succeed; 0.99 is 99 %.",
    )
    rollback_min_samples: int = Field(
        20, ge=1, le=100_000, description="Operations that are enough to judge a workspace by."
    )
    rollback_cool_down_s: float = Field(
        600.0,
        ge=1,
        le=86_400,
        description="Time until ACP is tried again; twice as long each time that it fails again.",
    )
    rollback_probe_share: float = Field(
        0.1, ge=0, le=1, description="Share of a workspace's sessions that then try it; 0: none, ever."
    )
    connection_idle_s: float = Field(
        300.0, gt=0, description="Time until an unused HTTP connection is closed."
    )
    sessions_per_installation: int = Field(
        0, ge=0, description="Most sessions of one installation at a time; 0: no limit."
    )
    sessions_per_workspace: int = Field(
        0, ge=0, description="Most sessions of one workspace at a time; 0: no limit."
    )
    new_sessions_per_s_installation: float = Field(
        0.0,
        ge=0,
        description="New sessions a second of one installation, with 2 s worth at once; 0: no limit.",
    )
    new_sessions_per_s_user: float = Field(
        0.0, ge=0, description="New sessions a second of one user, with 2 s worth at once; 0: no limit."
    )
    admission_queue: int = Field(
        100, ge=0, le=1_000, description="New sessions that may wait for a place while all are taken."
    )
    admission_wait_s: float = Field(
        10.0,
        ge=0,
        le=300,
        description="Longest time that a new session waits for a place until it is refused.",
    )
    retry_storm_per_min: int = Field(
        2_000,
        ge=0,
        description="Refused and returning clients in a minute that count as a retry storm; 0: none do.",
    )
    metrics: bool = Field(True, description="Whether /metrics shows what all processes count.")
    metrics_installations: int = Field(
        20, ge=0, le=1000, description="Installations that metrics show by name; the rest is other."
    )
    alert_webhook_url: Annotated[str, AfterValidator(_web_address)] = Field(
        "", description="Where capacity alerts are sent by POST, http://… or https://…", repr=False
    )
    alert_webhook_secret: SecretStr = Field(
        SecretStr(""), description="Secret that these requests are signed with; none: they are not signed."
    )
    alert_email_to: tuple[str, ...] = Field((), description="Who gets capacity alerts by e-mail.")
    alert_email_from: str = Field("lumilink@localhost", description="Sender of these e-mails.")
    smtp_host: str = Field("localhost", description="Mail server that takes them.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the mail server.")
    smtp_starttls: bool = Field(
        True, description="Whether the mail server must encrypt the connection (STARTTLS) before it gets any."
    )
    smtp_user: str = Field("", description="User at the mail server; none: it asks for none.", repr=False)
    smtp_password: SecretStr = Field(SecretStr(""), description="The user's password.")
    automation: Literal["off", "on"] = Field(
        "off",
        description="Whether what an agent's turn changed becomes a branch, a commit and a pull request.",
    )
    automation_installations: tuple[str, ...] = Field(
        ("*",), description="Patterns of the installations whose turns end so."
    )
    automation_repositories: tuple[str, ...] = Field(
        ("*",), description="Patterns of the repositories, owner/name, that may be written to."
    )
    automation_repositories_denied: tuple[str, ...] = Field(
        (), description="Patterns of those that may not, whatever the others say."
    )
    automation_checkout: str = Field(
        "",
        description="Where a workspace's checkout is on the worker's machine, with {workspaceId} and "
        "{installation} to fill in; none: in the session's directory.",
    )
    automation_wait_s: float = Field(
        60.0, gt=0, le=600, description="Time that a turn's answer waits for its automation."
    )
    automation_parallel: int = Field(
        4, ge=1, le=100, description="Automations that a worker works on at a time."
    )
    automation_defer_most_s: float = Field(
        7200.0,
        ge=0,
        description="Longest time that an automation waits for GitHub's rate limit; else it is skipped.",
    )
    automation_approval: bool = Field(
        False, description="Whether the session's people see the changes, and are asked, before a push."
    )
    automation_branch: str = Field(
        "lumilink/$short",
        description="Template of a session's branch; $short is a part of the session's id.",
    )
    automation_commit: str = Field(
        "$subject",
        description="Template of a commit's message; $subject is the first line of the prompt.",
    )
    automation_title: str = Field("$subject", description="Template of a pull request's title.")
    automation_body: str = Field(
        "$changes\n\n$closes", description="Template of its text; $changes are the files that changed."
    )
    automation_issue_title: str = Field(
        "$subject", description="Template of an issue's title, where none is given."
    )
    automation_issue_body: str = Field(
        "Asked for in session $session.", description="Template of an issue's text, where none is given."
    )
    automation_author: str = Field(
        "LumiLink <lumilink@localhost>", description="Author of the commits: NAME <ADDRESS>."
    )
    automation_trailers: tuple[str, ...] = Field(
        (), description="Templates of trailers that commits get, each NAME: TEXT."
    )
    automation_sign_off: bool = Field(
        False, description="Whether commits are signed off by their author (DCO)."
    )
    automation_file_bytes: int = Field(
        10 * 1024 * 1024, ge=1, description="Largest file that is committed; larger ones are left out."
    )
    automation_total_bytes: int = Field(
        100 * 1024 * 1024, ge=1, description="Most bytes of the changed files of one commit."
    )
    automation_files: int = Field(10_000, ge=1, description="Most changed files of one commit.")
    automation_paths_refused: tuple[str, ...] = Field(
        (), description="Patterns, as of .gitignore, of files that are never committed."
    )
    github_url: Annotated[str, AfterValidator(_web_address)] = Field(
        "https://github.com", min_length=1, description="Where GitHub serves git."
    )
    github_api_url: Annotated[str, AfterValidator(_web_address)] = Field(
        "https://api.github.com", min_length=1, description="Where its API is."
    )
    github_token: SecretStr = Field(
        SecretStr(""),
        description="Token for repositories, where there is no GitHub App; taken from the environment alone.",
    )
    github_app_id: str = Field("", description="Id of the GitHub App that gives sessions their tokens.")
    github_app_key: str = Field("", description="File with the app's private key, PEM.")
    github_webhook_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret that GitHub signs its webhooks with; none: they are refused.",
    )
    kafka: Annotated[str, AfterValidator(_servers)] = Field(
        "",
        description="Kafka that gets metrics and events of what happened: HOST:PORT, or several with commas "
        "between; none: the records alone have them.",
    )
    kafka_topic_prefix: str = Field(
        "lumilink",
        min_length=1,
        max_length=200,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Begins the names of the topics: PREFIX.events.v1 and PREFIX.metrics.v1.",
    )
    kafka_tls: bool = Field(False, description="Whether connections to Kafka are encrypted (TLS).")
    kafka_ca_file: str = Field(
        "", description="File with the certificates to trust there, PEM; none: those of the machine."
    )
    kafka_sasl: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "", description="How to sign in there: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; none: nobody has to."
    )
    kafka_user: str = Field("", description="User there.", repr=False)
    kafka_password: SecretStr = Field(
        SecretStr(""), description="The user's password; taken from the environment alone."
    )
    dashboard: bool = Field(True, description="Whether Ray's dashboard is started, on loopback.")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)


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
    for most, always in (("max_workers", "workers"), ("max_ingress_replicas", "ingress_replicas")):
        if 0 < getattr(settings, most) < getattr(settings, always):
            raise errors.SettingsError(
                f"{most}: {getattr(settings, most)} is less than {always}, {getattr(settings, always)}; "
                "take 0 or as many at least"
            )
    for name in ("github_token", "kafka_password"):
        if name in values:
            raise errors.SettingsError(
                f"{name}: it is taken from the environment alone (LUMILINK_{name.upper()})"
            )
    if settings.kafka and settings.journal == "memory":
        raise errors.SettingsError("kafka: journal memory is read by nobody else, so nothing is told of it")
    if settings.kafka_sasl and not (settings.kafka_user and settings.kafka_password.get_secret_value()):
        raise errors.SettingsError("kafka_sasl: it needs kafka_user and LUMILINK_KAFKA_PASSWORD")
    if settings.kafka_sasl == "PLAIN" and not settings.kafka_tls:
        raise errors.SettingsError("kafka_sasl: PLAIN tells the password, which needs kafka_tls")
    if bool(settings.github_app_id) != bool(settings.github_app_key):
        raise errors.SettingsError("github_app_id, github_app_key: each needs the other")
    if settings.address and not settings.journal.startswith("redis"):
        raise errors.SettingsError(
            f"journal: {settings.journal} is on one machine, and a cluster may have several; take redis://… "
            "with address"
        )
    if settings.address and settings.gcs_redis:
        raise errors.SettingsError("gcs_redis: it is for a Ray that is started here, and address joins one")
    if settings.auth == "none" and not settings.is_loopback:
        raise errors.SettingsError(
            f"host: {settings.host} can be reached from other machines, which needs authentication; set auth "
            "to keys, jwt or keys-and-jwt, or use a loopback address such as 127.0.0.1"
        )
    for name in ("jwt_issuer", "jwt_audience", "jwt_keys"):
        if "jwt" in settings.auth and not getattr(settings, name):
            raise errors.SettingsError(f"{name}: auth {settings.auth} needs it")
    return settings


def _line(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"]) or "settings"
    got = "" if name in SECRETIVE else f", got {fault['input']!r}"
    said = fault["msg"].removeprefix("Value error, ")
    return f"{name}: {said[:1].lower()}{said[1:]}{got}"
