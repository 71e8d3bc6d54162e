"""What became of a push, read from what git says.

Git tells of each ref in a form made for programs, but why it could not speak to the server only in words. The
words here are those of git (in the locale C) and of GitHub's refusals, which have numbers (``GH006``).
"""

from __future__ import annotations

import re
from typing import Final

from actors.automation.contract import PushResult, RepositoryName
from actors.automation.git import Finished
from actors.errors import (
    CredentialRefusedError,
    ForgeForbiddenError,
    ForgeLimitError,
    ForgeUnreachableError,
    LumiLinkError,
    PushRefusedError,
    RepositoryBlockedError,
    RepositoryUnknownError,
)

_REF: Final = re.compile(r"^(?P<flag>.)\t\S+:refs/heads/\S+\t(?P<summary>.*)$", re.MULTILINE)
_MOVED: Final = (
    "fetch first",
    "non-fast-forward",
    "stale info",
    "incorrect old value",
    "reference already exists",
)
_STATUS: Final = re.compile(r"requested URL returned error: (\d{3})")
_REMOTE: Final = re.compile(r"^remote: *(.*\S)", re.MULTILINE)
_MOST_WORDS: Final = 400
_LIMIT_S: Final = 60.0
"""How long to wait after a limit of which git does not tell the end."""


def result_of(done: Finished, repository: RepositoryName, branch: str) -> PushResult:
    """What the push did. Raises the error that tells why it did nothing."""
    told = _REF.search(done.out.decode(errors="replace"))
    if told is None:
        raise _not_spoken(done, repository)
    if told["flag"] == "=":
        return PushResult.ALREADY_THERE
    if told["flag"] in " *" and done.code == 0:
        return PushResult.DONE
    raise _refused(told["summary"], _words_of_remote(done.err), repository, branch)


def _refused(summary: str, remote: str, repository: RepositoryName, branch: str) -> LumiLinkError:
    if any(word in summary for word in _MOVED):
        return PushRefusedError(f"{branch} of {repository} has commits that are not from here")
    if "protected branch" in summary or "GH006" in remote:
        return PushRefusedError(f"{branch} of {repository} is protected: {remote or summary}")
    return PushRefusedError(f"{repository} does not take the push to {branch}: {remote or summary}")


def _not_spoken(done: Finished, repository: RepositoryName) -> LumiLinkError:
    """Why the server was not spoken to, or not about refs."""
    remote = _words_of_remote(done.err)
    status = _STATUS.search(done.err)
    if "Authentication failed" in done.err or "could not read Password" in done.err:
        return CredentialRefusedError(f"{repository} does not take the credential for a push")
    if re.search(r"fatal: repository '.*' not found", done.err):
        return RepositoryUnknownError(f"{repository} is not there, or not for this credential")
    if status and status[1] == "403":
        if "archived" in remote:
            return RepositoryBlockedError(f"{repository} is archived")
        return ForgeForbiddenError(
            f"the credential may not push to {repository}: {remote or 'contents: write'}"
        )
    if status and status[1] == "429":
        return ForgeLimitError(f"pushes to {repository} are limited", _LIMIT_S)
    return ForgeUnreachableError(f"the push to {repository} did not get through: {_last_line(done.err)}")


def _words_of_remote(err: str) -> str:
    return " ".join(_REMOTE.findall(err))[:_MOST_WORDS]


def _last_line(err: str) -> str:
    lines = [line for line in err.strip().split("\n") if line]
    return lines[-1][:_MOST_WORDS] if lines else "git says nothing"
