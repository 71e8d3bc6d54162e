"""``lumilink chat``: a conversation with an agent in the terminal."""

from topology.chat.run import run_chat

__all__ = ["run_chat"]
