"""Errors, counted where they leave us."""

from __future__ import annotations

from typing import Literal

from actors.errors import LumiLinkError
from actors.metrics.catalogue import FAULTS
from actors.metrics.meters import meters


def count_fault(error: LumiLinkError, over: Literal["acp", "http"] = "acp") -> None:
    """A client is told of this error."""
    meters().count(FAULTS, error.category.value, error.code, over)
