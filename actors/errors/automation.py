"""What can go wrong between a checkout and the forge. No text of these holds a credential."""

from __future__ import annotations

from actors.errors.application import ApplicationFault
from actors.errors.connection import ConnectionFault


class ForgeUnreachableError(ConnectionFault):
    """The forge did not answer in time, answered with a failure of its own, or could not be reached."""

    code = "forge-unreachable"
    recovery = "Nothing to do if it passes: it is tried again; else check the forge's status and the network."
    http_status = 503


class ForgeLimitError(ApplicationFault):
    """The forge's rate limit is used up; ``retry_after_s`` is the time until it lets calls in again."""

    code = "forge-limited"
    retryable = True
    recovery = "Wait as long as retryAfter says; what was deferred goes on by itself then."
    http_status = 429


class ForgeForbiddenError(ApplicationFault):
    """The forge knows the credential, which has not the right that the call needs."""

    code = "forge-forbidden"
    recovery = "Give the app or the token the right that the message names, then run the automation again."
    http_status = 403


class ForgeRefusedError(ApplicationFault):
    """The forge found something wrong with what it was sent; the message says what."""

    code = "forge-refused"
    recovery = "Change what the message names (a title, a branch, a template), then run the automation again."
    http_status = 422


class CredentialMissingError(ApplicationFault):
    """There is nothing to make a token of that opens the repository."""

    code = "forge-credential-missing"
    recovery = "Install the GitHub App on the repository, or set a token, then run the automation again."
    http_status = 401


class CredentialRefusedError(ApplicationFault):
    """The forge does not take the credential: it is wrong, expired or revoked."""

    code = "forge-credential-refused"
    recovery = "Replace the app's key or the token by a valid one, then run the automation again."
    http_status = 401


class RepositoryUnknownError(ApplicationFault):
    """The repository is not there, or the credential may not see it: the forge does not tell which."""

    code = "repository-unknown"
    recovery = "Check the repository's name, and that the app is installed on it or the token may read it."
    http_status = 404


class RepositoryBlockedError(ApplicationFault):
    """The repository takes no changes from here: it is archived, not allowed, or closed to writing."""

    code = "repository-blocked"
    recovery = "Let the installation use the repository, or unarchive it, then run the automation again."
    http_status = 403


class PushRefusedError(ApplicationFault):
    """The branch is protected, or has commits that this push does not hold."""

    code = "push-refused"
    recovery = "Rename or delete the branch, or lift its protection, then run the automation again."


class CheckoutError(ApplicationFault):
    """The directory is no git checkout of a repository of the forge, or git itself failed in it."""

    code = "checkout-unusable"
    recovery = "Check that the session's directory is a git clone whose origin is on the forge."


class ChangesRefusedError(ApplicationFault):
    """There are more or larger changes than one commit may hold."""

    code = "changes-refused"
    recovery = "Remove or ignore (.gitignore) what should not be committed, or raise the limits."
    http_status = 413
