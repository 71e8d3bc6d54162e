"""A terminal program with an input box, as AgentAPI looks for one; it answers each line in three pieces.

Run it in a terminal: ``agentapi server --type custom -- python boxed_agent.py``.
"""

from __future__ import annotations

import sys
import time
import tty
from typing import Final

LINE: Final = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * 60
PASTE_BEGINS, PASTE_ENDS = "\x1b[200~", "\x1b[201~"
UP_THREE_AND_CLEAR: Final = "\x1b[3A\x1b[J"
PIECES: Final = 3


def show(text: str) -> None:
    sys.stdout.write(text.replace("\n", "\r\n"))
    sys.stdout.flush()


def draw_box(typed: str = "") -> None:
    show(f"{LINE}\n> {typed}\n{LINE}\n")


def answer(text: str) -> None:
    show(f"{UP_THREE_AND_CLEAR}> {text}\n")
    for number in range(1, PIECES + 1):
        show(f"piece {number} of {text}\n")
        time.sleep(0.2)
    draw_box()


def main() -> None:
    tty.setraw(sys.stdin.fileno())
    show("ready\n")
    draw_box()
    typed = ""
    while key := sys.stdin.read(1):
        if key == "\r":
            said, typed = typed.replace(PASTE_BEGINS, "").replace(PASTE_ENDS, ""), ""
            answer(said)
        else:
            typed += key
            show(UP_THREE_AND_CLEAR)
            draw_box(typed.replace(PASTE_BEGINS, "").replace(PASTE_ENDS, ""))


if __name__ == "__main__":
    main()
