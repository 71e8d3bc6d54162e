"""What one tenant may take of a gateway, so that no other has to go without."""

from __future__ import annotations

from dataclasses import dataclass

from actors import errors
from actors.capacity.roll import Owner, Roll

QUEUE = 100
RETRY_S = 30.0
"""After how many seconds a repeat makes sense for who has as many sessions as it may have."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sessions at a time, new sessions a second, and how many requests wait. 0: no limit; of ``queue``: none
    waits.
    """

    sessions_per_installation: int = 0
    sessions_per_workspace: int = 0
    new_sessions_per_s_installation: float = 0.0
    new_sessions_per_s_user: float = 0.0
    queue: int = QUEUE

    def check(self, owner: Owner, roll: Roll) -> None:
        """Whether ``owner`` may have one more session. Raises QuotaExceededError.

        Sessions that come back from the journal count, and are never refused here.
        """
        most = self.sessions_per_installation
        if most and roll.of_installation(owner.installation) >= most:
            raise errors.QuotaExceededError(
                f"the installation has {most} sessions, as many as it may", RETRY_S
            )
        most = self.sessions_per_workspace
        if most and roll.of_workspace(owner) >= most:
            raise errors.QuotaExceededError(f"the workspace has {most} sessions, as many as it may", RETRY_S)
