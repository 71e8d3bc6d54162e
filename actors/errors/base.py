"""What every error has: a code, a category, whether a repeat makes sense, and what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Category(StrEnum):
    """Which part of the way a failure belongs to (FR-011)."""

    CONNECTION = "connection"
    PROTOCOL = "protocol"
    APPLICATION = "application"
    SYSTEM = "system"


class LumiLinkError(Exception):
    """Base of all errors. ``detail`` says what was wrong and what was expected, without a secret in it.

    ``retry_after_s`` is the time in seconds after which a repeat makes sense, where that is known.
    """

    code: ClassVar[str] = "internal"
    category: ClassVar[Category] = Category.SYSTEM
    retryable: ClassVar[bool] = False
    recovery: ClassVar[str] = "Report this with the log of the process that raised it."
    rpc_code: ClassVar[int] = -32603
    http_status: ClassVar[int] = 500

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail, retry_after_s)
        self.detail = detail
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.detail

    def data(self) -> dict[str, str | bool | float]:
        """What both wire forms carry beside the message: code, category, retryable, recovery."""
        data: dict[str, str | bool | float] = {
            "code": self.code,
            "category": self.category.value,
            "retryable": self.retryable,
            "recovery": self.recovery,
        }
        if self.retry_after_s is not None:
            data["retryAfter"] = self.retry_after_s
        return data
