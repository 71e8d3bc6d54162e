"""Texts of branches, commits, issues and pull requests: templates with named fields, and no code in them.

A template is Python's ``string.Template``: ``$name`` or ``${name}``, ``$$`` for a dollar. What it may name is
``FIELDS``; anything else is refused before the gateway starts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import Template
from typing import Final

from actors import errors
from actors.automation.contract import FileChange

FIELDS: Final = {
    "session": "the session's id",
    "short": "the part of it that branches are named by",
    "turn": "the number of the turn; 0 for a run that was asked for",
    "subject": "the first line of the prompt, at most 72 characters",
    "repository": "owner/name",
    "branch": "the session's branch",
    "workspace": "the workspace's id",
    "count": "how many files changed",
    "changes": "one line for each file, at most 50",
    "closes": "a line that closes the issue, if one was opened",
}
LISTED: Final = 50
SHORT_CHARS: Final = 12
_BRANCH: Final = re.compile(r"(?!.*(\.\.|//|@\{|\.lock(/|$)))[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}(?<![./])")


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one gateway. Raises SettingsError for a field that there is not."""

    branch: str = "lumilink/$short"
    commit: str = "$subject"
    title: str = "$subject"
    body: str = "$changes\n\n$closes"
    issue_title: str = "$subject"
    issue_body: str = "Asked for in session $session."

    def __post_init__(self) -> None:
        for name in self.__slots__:
            check_template(f"automation_{name}", getattr(self, name))
        if not {"short", "session"} & set(Template(self.branch).get_identifiers()):
            raise errors.SettingsError(
                "automation_branch: expected $short or $session, so that each has its own"
            )

    def branch_of(self, fields: dict[str, str]) -> str:
        """The name of a session's branch. Raises SettingsError where git could not have one of this name."""
        name = filled(self.branch, fields)
        if not _BRANCH.fullmatch(name):
            raise errors.SettingsError(f"automation_branch: {name!r} is no name for a branch")
        return name


def check_template(name: str, text: str) -> None:
    """Raises SettingsError for a template that is none, or names what there is not."""
    template = Template(text)
    unknown = sorted(set(template.get_identifiers()) - FIELDS.keys()) if template.is_valid() else []
    if not template.is_valid() or unknown:
        what = f"no field {', '.join(unknown)}" if unknown else "a $ that begins no field; write $$"
        raise errors.SettingsError(f"{name}: {what}; there are {', '.join(FIELDS)}")


def filled(text: str, fields: dict[str, str]) -> str:
    """The template with its fields, none of which is looked into."""
    return Template(text).safe_substitute(fields).strip()


def short_of(session_id: str) -> str:
    """What stands for a session in the name of its branch."""
    plain = re.sub(r"[^A-Za-z0-9]", "", session_id.removeprefix("sess_").removeprefix("ses_"))
    return plain[:SHORT_CHARS].lower() or "session"


def changes_listed(changes: tuple[FileChange, ...]) -> str:
    """One line for each file."""
    lines = [f"- {one.kind}: {_shown(one)}" for one in changes[:LISTED]]
    if len(changes) > LISTED:
        lines.append(f"- and {len(changes) - LISTED} more")
    return "\n".join(lines)


def _shown(change: FileChange) -> str:
    path = " ".join(change.path.split())
    return f"`{path}`" if change.before is None else f"`{' '.join(change.before.split())}` to `{path}`"
