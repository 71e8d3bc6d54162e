"""Write the dashboards' files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from topology.grafana.boards import ALL
from topology.grafana.panels import Dashboard

FOLDER: Final = Path(__file__).parent


def text(board: Dashboard) -> str:
    """A dashboard's file."""
    return json.dumps(board.json(), indent=1) + "\n"


if __name__ == "__main__":
    for board in ALL:
        (FOLDER / f"{board.name}.json").write_text(text(board))
