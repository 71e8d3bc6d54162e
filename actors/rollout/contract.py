"""How a policy is changed, and what is answered."""

from __future__ import annotations

from msgspec import Struct, field

from actors.migration.policy import Policy


class PolicyChange(Struct, frozen=True):
    """Another policy, as ``user`` wants it; the version of ``policy`` does not count.

    ``version``, if not None, is the one that the caller has seen. ``key``, if not empty, names the change:
    the same one is made once in a day; ``digest`` tells whether it is the same. ``dry_run``: only say what
    would come of it.
    """

    policy: Policy
    user: str = ""
    version: int | None = None
    key: str = ""
    digest: str = ""
    dry_run: bool = False


class PolicyView(Policy, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A policy, and what it comes to.

    ``workspaces`` are those on HTTP that the rollout reaches, now or at its moment: at most ``MOST_NAMED`` by
    name, ``workspaces_count`` in all. ``standing`` is how many workspaces stand where. ``applied``: it is in
    force, and not the answer to a dry run.
    """

    installation_id: str = ""
    workspaces: list[str] = field(default_factory=list)
    workspaces_count: int = 0
    standing: dict[str, int] = field(default_factory=dict)
    applied: bool = True

    @property
    def policy(self) -> Policy:
        """The policy alone."""
        return Policy(**{name: getattr(self, name) for name in Policy.__struct_fields__})
