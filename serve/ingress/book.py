"""The capacity actor as a replica calls it."""

from __future__ import annotations

from typing import Protocol

from actors.capacity.ledger import Place
from actors.capacity.requests import Answer, Request


class CapacityBook(Protocol):
    """Which session and which worker is where; see ``actors.capacity.client.CapacityClient``.

    Each method raises WorkerUnavailableError while the actor does not answer, or does not know yet.
    """

    async def admit(self, requests: list[Request], given_up: list[str]) -> list[Answer]:
        """An answer for each request of a new session, in their order; ``given_up`` need no place now."""

    async def release(self, session_id: str) -> None:
        """The place is not needed."""

    async def locate(self, session_id: str) -> Place:
        """Where a session is, or can be opened again."""

    async def relocate(self, session_ids: list[str], lost: str) -> dict[str, Place]:
        """Where sessions go whose link to the worker with the life ``lost`` broke."""

    async def whereis(self, life: str) -> Place | None:
        """Where the worker with this life is; None means that it is dead for sure."""

    async def places(self) -> list[Place]:
        """All workers."""
