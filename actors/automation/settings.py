"""What an operator sets of automations."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from actors import errors
from actors.automation.contract import Limits, RepositoryName
from actors.automation.templates import Templates, check_template


@dataclass(frozen=True, slots=True)
class ForgeAccess:
    """Where the forge is, and what opens it: a GitHub App with the file of its private key, else a token."""

    git_url: str = "https://github.com"
    api_url: str = "https://api.github.com"
    token: str = field(default="", repr=False)
    app_id: str = ""
    app_key: str = ""


@dataclass(frozen=True, slots=True)
class AutomationSettings:
    """Times in seconds.

    ``installations`` are patterns of those for which runs begin by themselves at a turn's end. ``allow`` and
    ``deny`` are patterns of ``owner/name``, whatever the case; what both match is denied. ``checkout`` is
    where the files of a workspace are, with ``{workspaceId}`` and ``{installation}`` to fill in; empty: in
    the session's directory. A turn's answer waits ``wait_s`` for its run. ``parallel`` runs of a worker go
    on at a time. With ``approval`` people are asked before anything is pushed, and have ``approval_wait_s``
    to answer. A run that the forge's limits hold up for longer than ``defer_most_s`` is skipped.
    """

    enabled: bool = False
    installations: tuple[str, ...] = ("*",)
    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    checkout: str = ""
    wait_s: float = 60.0
    parallel: int = 4
    defer_most_s: float = 7200.0
    approval: bool = False
    approval_wait_s: float = 86_400.0
    templates: Templates = field(default_factory=Templates)
    author_name: str = "LumiLink"
    author_email: str = "lumilink@localhost"
    trailers: tuple[str, ...] = ()
    sign_off: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for trailer in self.trailers:
            check_template("automation_trailers", trailer)
            name, colon, _ = trailer.partition(": ")
            if not colon or not name.replace("-", "").isalnum() or "\n" in trailer:
                raise errors.SettingsError(f"automation_trailers: {trailer!r}; expected Name: text")

    def is_on(self, installation: str) -> bool:
        """Whether turns of this installation end with a run."""
        return self.enabled and any(fnmatchcase(installation, one) for one in self.installations)

    def takes(self, repository: RepositoryName) -> bool:
        """Whether the lists let a repository be written to."""
        name = str(repository).lower()
        allowed, denied = (
            any(fnmatchcase(name, pattern.lower()) for pattern in patterns)
            for patterns in (self.allow, self.deny)
        )
        return allowed and not denied

    @property
    def author(self) -> str:
        """As a trailer names it."""
        return f"{self.author_name} <{self.author_email}>"
