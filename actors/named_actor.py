"""Calling an actor of Ray's that is found by its name: from any process of the cluster, on an event loop."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import ray
from ray.exceptions import RayActorError, RayTaskError

from actors import errors

NAMESPACE: Final = "lumilink"


class NamedActor:
    """``what`` is the actor for people, as errors name it. Its handle is kept for as long as it answers.

    Whoever is told that it does not answer may ask again after ``retry_after_s``.
    """

    def __init__(self, name: str, what: str, deadline_s: float, retry_after_s: float = 1.0) -> None:
        self._name = name
        self._what = what
        self._deadline_s = deadline_s
        self._retry_after_s = retry_after_s
        # Ray's handles have no types of their methods.
        self._actor: Any = None

    async def call(self, method: str, *arguments: object) -> Any:
        """What the actor's method returns.

        Raises the error of ours that the method raised, InternalError for any other, or
        WorkerUnavailableError where there is no such actor or it does not answer in time.
        """
        try:
            async with asyncio.timeout(self._deadline_s):
                if self._actor is None:
                    # It asks Ray's control process, and waits for it.
                    self._actor = await asyncio.to_thread(ray.get_actor, self._name, NAMESPACE)
                return await getattr(self._actor, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, errors.LumiLinkError):
                raise error.cause from None
            raise errors.InternalError(f"{self._what} failed with {type(error.cause).__name__}") from None
        except (RayActorError, TimeoutError, ValueError):
            self._actor = None  # the next one of its name may be another
            raise errors.WorkerUnavailableError(
                f"{self._what} does not answer", self._retry_after_s
            ) from None
