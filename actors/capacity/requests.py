"""What replicas ask the capacity actor when clients start sessions, many in one call, and what it answers.

Plain tuples: thousands of them are pickled in a second when a herd comes.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from actors import errors
from actors.capacity.ledger import Place
from actors.capacity.roll import Owner


class Request(NamedTuple):
    """A place is wanted for a new session, and has been for ``waited_s``.

    It is repeated until it is answered by a place or an error. ``user`` is empty where the caller has none.
    A fork has to be where the session ``beside`` is; of its owner the installation is enough.
    """

    session_id: str
    owner: Owner
    user: str = ""
    waited_s: float = 0.0
    beside: str = ""


class Waiting(NamedTuple):
    """There is no place yet: the request is at ``position``, from 1 on, of ``of`` that wait."""

    position: int
    of: int


Answer: TypeAlias = Place | Waiting | errors.LumiLinkError
