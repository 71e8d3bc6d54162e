"""Which variables of the gateway's own environment an agent gets.

An agent needs the variables that its operator set for it, such as its provider's key. What is the gateway's
own (Ray's, ours, Python's) it never gets. The values stay in the process: only patterns travel.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

WITHHELD = ("LUMILINK_*", "RAY_*", "PYTHON*", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "GRPC_*", "__RAY*")


def inherited_environment(
    patterns: Iterable[str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables whose names match one of ``patterns`` (``ANTHROPIC_*``, ``*``) and are not withheld."""
    wanted = tuple(patterns)
    return {
        name: value
        for name, value in environment.items()
        if any(fnmatchcase(name, pattern) for pattern in wanted)
        and not any(fnmatchcase(name, pattern) for pattern in WITHHELD)
    }
