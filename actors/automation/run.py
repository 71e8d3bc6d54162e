"""One run, step by step: from what a checkout holds to a branch, a commit, an issue and a pull request.

Every step may be repeated: what it makes depends on its order alone, or is looked for before it is made. So a
run that was broken off anywhere is simply begun again, with what the journal knows of it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from actors import errors
from actors.automation.contract import (
    Checkout,
    CommitOrder,
    Credentials,
    Forge,
    RepositoryFacts,
    RepositoryName,
    Snapshot,
    Token,
)
from actors.automation.order import Order
from actors.automation.outcome import (
    ApprovalNeededError,
    Line,
    Made,
    SkippedError,
    issue_told,
    pull_request_told,
)
from actors.automation.record import Branch
from actors.automation.settings import AutomationSettings
from actors.automation.templates import changes_listed, filled, short_of
from actors.automation.words import SkipReason

DIFF_BYTES: Final = 64 * 1024
"""So much of the changes is shown to whoever has to approve them."""
UNKNOWN_LIMIT_S: Final = 60.0
"""A limit of which the forge does not say when it is reset."""
FOUND_WITHIN_S: Final = 60.0
"""Clocks differ: an issue of the run may bear a time so long before it was asked for."""

Note = Callable[[], Awaitable[None]]
"""Journals what the run has made."""


async def _nothing() -> None:
    """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What the runs of a worker work with. ``checkout`` gives that of a directory; ``clock`` gives epoch
    seconds. ``slots`` lets so many of them go on at a time, in the order in which they come; as a workspace
    has one at a time, that is fair to all workspaces. ``limited`` says until when the limit of an owner of
    repositories is used up, epoch seconds: so one run learns it for all. ``prepare`` loads what
    takes long to load, ``close`` is called when the worker ends.
    """

    checkout: Callable[[str], Checkout]
    forge: Forge
    credentials: Credentials
    settings: AutomationSettings
    slots: asyncio.Semaphore
    clock: Callable[[], float] = time.time
    limited: dict[str, float] = field(default_factory=dict)
    prepare: Callable[[], Awaitable[None]] = _nothing
    close: Callable[[], Awaitable[None]] = _nothing
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is: ``directory`` is where its checkout should be."""

    installation: str
    workspace_id: str
    directory: str


class Run:
    """A run of one order. ``made`` is filled in as it goes on, ``branch`` is what is known of the session's.

    ``note`` is called after each thing that was made.
    """

    def __init__(
        self,
        order: Order,
        made: Made,
        branch: Branch | None,
        place: Place,
        hands: Hands,
        note: Note,
    ) -> None:
        self.branch = branch
        self._order = order
        self._made = made
        self._place = place
        self._hands = hands
        self._note = note

    async def carry_out(self) -> None:
        """Do it all. Raises SkippedError where nothing is to be done, ApprovalNeededError where people are to
        be asked first, and what its parts raise.
        """
        self._check_wanted()
        checkout = self._hands.checkout(self._place.directory)
        try:
            repository = await checkout.repository()
        except errors.CheckoutError as error:
            raise SkippedError(SkipReason.OTHER, _sentence(error.detail)) from None
        self._check_allowed(repository)
        branch = self._begin_branch(repository)
        snapshot = None if self._made.commit else await checkout.snapshot(branch.commit or None)
        self._check_changed(snapshot, branch)
        self._check_limit(repository)
        try:
            await self._at_forge(checkout, snapshot, branch, repository)
        except errors.ForgeLimitError as error:
            wait_s = UNKNOWN_LIMIT_S if error.retry_after_s is None else error.retry_after_s
            self._hands.limited[repository.owner] = self._hands.clock() + wait_s
            raise

    async def _at_forge(
        self, checkout: Checkout, snapshot: Snapshot | None, branch: Branch, repository: RepositoryName
    ) -> None:
        token = await self._token(repository)
        facts = await self._hands.forge.facts(repository, token)
        _check_open(repository, facts)
        if snapshot is not None and not branch.commit:
            snapshot = await self._against_what_is_there(checkout, snapshot, branch, repository, token)
        await self._commit(checkout, snapshot, branch, repository)
        await self._check_approved(checkout)
        await self._push(checkout, branch, token)
        await self._open_issue(repository, facts, branch, token)
        await self._open_pull_request(repository, facts, branch, token)

    # ------------------------------------------------------------------ whether at all

    def _check_wanted(self) -> None:
        settings, wanted = self._hands.settings, self._order.wish.is_wanted
        if not settings.is_on(self._place.installation):
            raise SkippedError(
                SkipReason.AUTOMATION_DISABLED, "GitHub automation is off for this installation"
            )
        if wanted is False:
            raise SkippedError(SkipReason.AUTOMATION_DISABLED, "the prompt turned it off")

    def _check_allowed(self, repository: RepositoryName) -> None:
        if not self._hands.settings.takes(repository):
            raise SkippedError(
                SkipReason.REPO_BLOCKED, f"{repository} is not among the repositories that are allowed"
            )

    def _check_changed(self, snapshot: Snapshot | None, branch: Branch) -> None:
        if snapshot is None or snapshot.changes:
            return
        is_half_done = bool(branch.commit) and not branch.pull_request
        if not is_half_done and self._order.wish.issue is None:
            left = f"; {len(snapshot.left_out)} files were left out" if snapshot.left_out else ""
            raise SkippedError(SkipReason.NOTHING_CHANGED, f"the checkout is as it was{left}")

    def _check_limit(self, repository: RepositoryName) -> None:
        wait_s = self._hands.limited.get(repository.owner, 0.0) - self._hands.clock()
        if wait_s > 0:
            raise errors.ForgeLimitError(f"the limit of {repository.owner} is used up", wait_s)

    async def _token(self, repository: RepositoryName) -> Token:
        try:
            return await self._hands.credentials.token(self._order.session_id, repository)
        except errors.CredentialMissingError as error:
            raise SkippedError(SkipReason.MISSING_CREDENTIAL, _sentence(error.detail)) from None

    # ------------------------------------------------------------------ what is made

    def _begin_branch(self, repository: RepositoryName) -> Branch:
        known = self.branch
        if known is None or known.repository != str(repository):
            name = self._hands.settings.templates.branch_of(self._fields(repository, ""))
            known = self.branch = Branch(name, str(repository))
        return known

    async def _against_what_is_there(
        self,
        checkout: Checkout,
        snapshot: Snapshot,
        branch: Branch,
        repository: RepositoryName,
        token: Token,
    ) -> Snapshot:
        """The session's branch may be older than what is known of it: then its last commit is the parent."""
        there = await self._hands.forge.branch(repository, branch.name, token)
        if there is None:
            return snapshot
        branch.commit = there
        found = await checkout.snapshot(there)
        self._check_changed(found, branch)
        return found

    async def _commit(
        self, checkout: Checkout, snapshot: Snapshot | None, branch: Branch, repository: RepositoryName
    ) -> None:
        made, settings = self._made, self._hands.settings
        if snapshot is None or not snapshot.changes:
            return
        made.files, made.listed = len(snapshot.changes), changes_listed(snapshot.changes)
        fields = self._fields(repository, branch.name)
        title = self._order.wish.title or filled(settings.templates.commit, fields)
        trailers = [filled(trailer, fields) for trailer in settings.trailers]
        trailers += [f"Signed-off-by: {settings.author}"] if settings.sign_off else []
        order = CommitOrder(
            snapshot, title, settings.author_name, settings.author_email, self._order.at, tuple(trailers)
        )
        made.parent, made.tree = snapshot.parent, snapshot.tree
        made.commit, made.message = await checkout.commit(order), title
        left = "".join(f"; left out {one.path}: {one.reason}" for one in snapshot.left_out[:10])
        await self._did("commit", f"{made.commit}: {made.files} files{left}")

    async def _check_approved(self, checkout: Checkout) -> None:
        """A commit that nobody has pushed is nothing that anybody sees."""
        made = self._made
        if self._hands.settings.approval and made.commit and not made.approved:
            diff = await checkout.diff(Snapshot(made.parent, made.tree, ()), DIFF_BYTES)
            raise ApprovalNeededError(made.message, diff)

    async def _push(self, checkout: Checkout, branch: Branch, token: Token) -> None:
        made = self._made
        if not made.commit or made.is_pushed:
            return
        result = await checkout.push(made.commit, branch.name, token)
        branch.commit, made.is_pushed = made.commit, True
        await self._did("push", f"{branch.name}: {result}")

    async def _open_issue(
        self, repository: RepositoryName, facts: RepositoryFacts, branch: Branch, token: Token
    ) -> None:
        wanted, made = self._order.wish.issue, self._made
        if wanted is None or made.issue is not None:
            return
        if not facts.has_issues:
            await self._did("issue", "the repository has no issues")
            return
        templates, fields = self._hands.settings.templates, self._fields(repository, branch.name)
        title = wanted.title or filled(templates.issue_title, fields)
        body = wanted.body or filled(templates.issue_body, fields)
        since = self._order.at - FOUND_WITHIN_S
        issue = await self._hands.forge.issue(repository, title, body, self._order.run_id, since, token)
        made.issue = issue_told(issue)
        await self._did("issue", f"#{issue.number}")

    async def _open_pull_request(
        self, repository: RepositoryName, facts: RepositoryFacts, branch: Branch, token: Token
    ) -> None:
        made = self._made
        if not branch.commit or made.pull_request is not None:
            return
        templates, fields = self._hands.settings.templates, self._fields(repository, branch.name)
        title = self._order.wish.title or filled(templates.title, fields)
        body = self._order.wish.body or filled(templates.body, fields)
        found = await self._hands.forge.pull_request(
            repository, branch.name, facts.default_branch, title, body, token
        )
        made.pull_request = pull_request_told(found)
        branch.pull_request = found.number
        await self._did("pull-request", f"#{found.number}")

    # ------------------------------------------------------------------ within

    async def _did(self, step: str, said: str) -> None:
        self._made.lines.append(Line(round(self._hands.clock() * 1000), step, said))
        await self._note()

    def _fields(self, repository: RepositoryName, branch: str) -> dict[str, str]:
        order, made = self._order, self._made
        subject = order.subject or (
            f"Turn {order.turn} of a coding session" if order.turn else "Changes of a coding session"
        )
        return {
            "session": order.session_id,
            "short": short_of(order.session_id),
            "turn": str(order.turn),
            "subject": subject,
            "repository": str(repository),
            "branch": branch,
            "workspace": self._place.workspace_id,
            "count": str(made.files),
            "changes": made.listed,
            "closes": f"Closes #{made.issue.number}" if made.issue is not None else "",
        }


def _check_open(repository: RepositoryName, facts: RepositoryFacts) -> None:
    if facts.archived:
        raise SkippedError(SkipReason.REPO_BLOCKED, f"{repository} is archived")
    if not facts.may_push:
        raise SkippedError(SkipReason.REPO_BLOCKED, f"the credential may not push to {repository}")


def _sentence(detail: str) -> str:
    return detail.rstrip(".")
