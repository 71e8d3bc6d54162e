"""A client to be killed: it opens a session, starts a turn, and says the session's name when text comes.

``python vanishing_client.py URL CWD SCRIPT``
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.messages import texts
from support.websocket_peer import begun_peer


async def main(url: str, cwd: str, script: str) -> None:
    """Never ends by itself."""
    async with begun_peer(url) as peer:
        session_id = await peer.new_session(cwd)
        await peer.start_prompt(session_id, script)
        await peer.first(lambda message: bool(texts([message], session_id)))
        sys.stdout.write(f"{session_id}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
