"""Who a request comes from, as the gateway has found out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from actors import errors
from serve.rights.roles import Right, Role, rights_of

DEFAULT_INSTALLATION: Final = "default"

_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{1,200}")

Wire = list[object]


@dataclass(frozen=True, slots=True)
class Identity:
    """``credential`` names what it was proven with, and is no secret: an API key's id, a token's, or "".

    ``expires_at`` is when the credential ends, in seconds since 1970; None: it does not by itself.
    """

    installation: str
    user: str
    roles: frozenset[Role]
    credential: str
    expires_at: float | None = None
    rights: frozenset[Right] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rights", rights_of(self.roles))

    def may(self, right: Right) -> bool:
        """Whether it has a right."""
        return right in self.rights

    def is_same_caller(self, other: Identity) -> bool:
        """Whether both are of the same user in the same roles, be it by different credentials."""
        mine, its = (self.installation, self.user, self.roles), (other.installation, other.user, other.roles)
        return mine == its

    def wire(self) -> Wire:
        """As it travels between processes of the gateway, and in a browser's cookie."""
        return [self.installation, self.user, sorted(self.roles), self.credential, self.expires_at]

    @classmethod
    def from_wire(cls, wire: Iterable[object]) -> Identity:
        """What ``wire`` made. Raises ValueError for what it cannot have made."""
        installation, user, roles, credential, expires_at = wire
        if not isinstance(roles, list | tuple) or not isinstance(expires_at, float | int | None):
            raise ValueError("no identity")
        named = frozenset(Role(role) for role in roles)
        return cls(str(installation), str(user), named, str(credential), expires_at)


EVERYBODY: Final = Identity(DEFAULT_INSTALLATION, "", frozenset(Role), "")
"""Who everybody is while authentication is off."""


def demand(identity: Identity, right: Right) -> None:
    """Let pass who has the right. Raises ForbiddenError."""
    if not identity.may(right):
        raise errors.ForbiddenError(f"this needs the right {right}, which the credential does not give")


def is_name(text: str) -> bool:
    """Whether an installation or a user can be called so: 1 to 200 characters, none of them a control one."""
    return _NAME.fullmatch(text) is not None
