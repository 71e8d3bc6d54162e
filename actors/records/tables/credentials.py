"""The API keys of all installations. No records: they are made by admins, not by reading the journal."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table

from actors.records.tables.columns import METADATA, identifier, moment, structure

API_KEYS: Final = Table(
    "api_keys",
    METADATA,
    Column("key_id", String(16), nullable=False),
    identifier("installation_id"),
    identifier("user_id"),
    structure("roles"),
    Column("digest", String(64), nullable=False),
    Column("last_four", String(4), nullable=False),
    moment("created_at"),
    moment("expires_at", optional=True),
    moment("revoked_at", optional=True),
    # Whoever shows a key says which one it is, and not whose.
    PrimaryKeyConstraint("key_id"),
    Index("ix_api_keys_created_at_key_id", "installation_id", "created_at", "key_id"),
    Index("ix_api_keys_revoked_at", "revoked_at"),
)
"""``digest`` is the SHA-256 of the secret in hex; the secret itself is nowhere."""
