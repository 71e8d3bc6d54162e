"""API keys as admins see them: without what they are proven by."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from serve.rights.api_keys import ApiKey


class KeyView(msgspec.Struct, frozen=True, rename="camel"):
    """A key as its admin sees it; ``key`` is its whole text, told when it is made and never again."""

    id: str
    user: str
    roles: list[str]
    last_four: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    key: str | msgspec.UnsetType = msgspec.UNSET


def view(key: ApiKey) -> KeyView:
    """What may be shown of a key."""
    return KeyView(
        key.key_id,
        key.user,
        sorted(key.roles),
        key.last_four,
        _spelled(key.created_at),
        None if key.expires_at is None else _spelled(key.expires_at),
        None if key.revoked_at is None else _spelled(key.revoked_at),
    )


def _spelled(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
