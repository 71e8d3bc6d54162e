"""What a store of API keys promises, on either database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from serve.rights.api_keys import mint
from serve.rights.key_store import KeyStore
from serve.rights.roles import Role

HOUR = timedelta(hours=1)


class KeyStoreConformance:
    """The module has a fixture ``store``, with no keys of the installations that are named here."""

    async def test_a_key_comes_back_as_it_was_kept(self, store: KeyStore):
        key, _ = mint("acme", "ann", [Role.USER, Role.AUDITOR], datetime.now(UTC) + HOUR)
        await store.add(key)

        assert await store.find(key.key_id) == key
        assert await store.find("0" * 16) is None

    async def test_an_installation_sees_its_own_keys_alone(self, store: KeyStore):
        mine, _ = mint("acme", "ann", [Role.USER])
        other, _ = mint("other", "bob", [Role.USER])
        await store.add(mine)
        await store.add(other)

        assert await store.owned_by("acme") == [mine]
        assert await store.owned_by("nobody") == []

    async def test_an_installation_revokes_its_own_keys_alone(self, store: KeyStore):
        key, _ = mint("acme", "ann", [Role.USER])
        await store.add(key)

        assert not await store.revoke("other", key.key_id)
        assert (found := await store.find(key.key_id)) is not None
        assert found.revoked_at is None

        assert await store.revoke("acme", key.key_id)
        assert (found := await store.find(key.key_id)) is not None
        assert found.revoked_at is not None

    async def test_revoking_again_changes_nothing(self, store: KeyStore):
        key, _ = mint("acme", "ann", [Role.USER])
        await store.add(key)
        await store.revoke("acme", key.key_id)
        first = await store.find(key.key_id)

        assert await store.revoke("acme", key.key_id)
        assert await store.find(key.key_id) == first

    async def test_revoked_keys_are_told_by_the_time_of_it(self, store: KeyStore):
        key, _ = mint("acme", "ann", [Role.USER])
        await store.add(key)
        now = datetime.now(UTC)
        assert await store.revoked_since(now - HOUR) == []

        await store.revoke("acme", key.key_id)

        assert await store.revoked_since(now - HOUR) == [key.key_id]
        assert await store.revoked_since(now + HOUR) == []
