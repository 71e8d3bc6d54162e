"""Which repository of the forge a checkout comes from, and where a push to it goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from actors.automation.contract import RepositoryName
from actors.errors import CheckoutError, SettingsError

_PART: Final = r"[A-Za-z0-9_.-]+"
_PATH: Final = re.compile(rf"/?(?P<owner>{_PART})/(?P<name>{_PART}?)(?:\.git)?/?", re.ASCII)
_SCP_LIKE: Final = re.compile(r"(?:[^@/:]+@)?(?P<host>[^@/:]+):(?P<path>[^/].*|/.*)")
USER: Final = "x-access-token"
"""The name under which the forge takes a token as a password."""


@dataclass(frozen=True, slots=True)
class GitHost:
    """Where the forge serves git: ``https://github.com``, or with a path where it has one."""

    base: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.base)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise SettingsError("the forge's address for git; expected http(s)://HOST[:PORT][/PATH]")

    @property
    def origin(self) -> str:
        """Scheme, name and port, with the user that pushes: as git names it when it asks for a password."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{USER}@{parts.netloc}"

    @property
    def scheme(self) -> str:
        """The one protocol that a push may use."""
        return urlsplit(self.base).scheme

    def push_address(self, repository: RepositoryName) -> str:
        """Made of the settings and the name alone: what a checkout calls its origin has no say."""
        return f"{self.origin}{urlsplit(self.base).path.rstrip('/')}/{repository.owner}/{repository.name}.git"

    def repository(self, address: str) -> RepositoryName:
        """The repository that an origin's address names. CheckoutError: it is not of this forge."""
        ours = urlsplit(self.base)
        host, path = _host_and_path(address)
        if host.lower() not in (ours.hostname, f"ssh.{ours.hostname}"):
            raise CheckoutError(f"the checkout's origin is on {host or 'no host'}, not on {ours.hostname}")
        prefix = ours.path.rstrip("/")
        found = _PATH.fullmatch(path.removeprefix(prefix))
        if found is None or {found["owner"], found["name"]} & {".", ".."}:
            raise CheckoutError("the checkout's origin names no repository; expected OWNER/NAME")
        return RepositoryName(found["owner"], found["name"])


def _host_and_path(address: str) -> tuple[str, str]:
    """What an address says, without its user and password; both are empty where it is a folder."""
    if "://" in address:
        try:
            parts = urlsplit(address)
            return parts.hostname or "", parts.path
        except ValueError:
            return "", ""
    found = _SCP_LIKE.fullmatch(address)
    return (found["host"], found["path"]) if found else ("", "")
