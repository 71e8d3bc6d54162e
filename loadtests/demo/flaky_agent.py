"""The example agent over ACP, which ends, and does not start, while a certain file is there.

``python -m loadtests.demo.flaky_agent FILE``.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Final

_LOOK_EVERY_S: Final = 0.05


def _end_with(broken: Path) -> None:
    while not broken.exists():
        time.sleep(_LOOK_EVERY_S)
    os._exit(1)


def main() -> None:
    """Be the agent for as long as the file is not there."""
    broken = Path(sys.argv[1])
    if broken.exists():
        sys.exit("this agent is broken")
    threading.Thread(target=_end_with, args=(broken,), daemon=True).start()
    sys.argv = sys.argv[:1]
    runpy.run_module("actors.agents.example", run_name="__main__")


if __name__ == "__main__":
    main()
