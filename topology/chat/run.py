"""``lumilink chat`` as a process: its terminal, signals and exit code."""

from __future__ import annotations

import asyncio
import io
import logging
import signal
import sys

from acp import RequestError
from rich.console import Console

from actors.errors import AgentUnreachableError, ConnectionFault
from topology.chat.connection import told
from topology.chat.conversation import Conversation
from topology.chat.lines import Lines
from topology.chat.view import View
from topology.connect.descriptors import Input
from topology.connect.endpoint import DEFAULT_URL, acp_target


async def run_chat(url: str, session_id: str | None, key: str = "") -> int:
    """Talk to an agent until the user leaves; returns the exit code.

    ``key`` is shown to the gateway. Lines come from the terminal or, one prompt a line, from a pipe. 1 if the
    gateway cannot be reached, does not come back, or there can be no session. Raises SettingsError for a URL
    that is none.
    """
    target = acp_target(url, key)
    # The SDK logs what it cannot read with a traceback; the terminal is for the conversation.
    logging.getLogger().addHandler(logging.NullHandler())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    view = View(Console(highlight=False, emoji=False), is_typed=sys.stdin.isatty())
    conversation = Conversation(target, Lines(Input(sys.stdin.fileno())), view)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, conversation.interrupt)
    code = 0
    try:
        await conversation.run(session_id)
    except (RequestError, ConnectionFault, ConnectionError) as error:
        _tell(error)
        code = 1
    if conversation.session_id:
        # A URL with a credential in it is the user's to remember.
        is_told = url != DEFAULT_URL and not {"@", "?"} & set(url)
        place = f" --url {url}" if is_told else ""
        view.line(f"To come back: lumilink chat --session {conversation.session_id}{place}", "dim")
    return code


def _tell(error: RequestError | ConnectionFault | ConnectionError) -> None:
    """Say on standard error why the chat ends."""
    view = View(Console(stderr=True, highlight=False, emoji=False), is_typed=False)
    if isinstance(error, RequestError):
        view.error(*told(error))
    elif isinstance(error, AgentUnreachableError):
        view.error(f"{error.detail}; start a gateway with `lumilink up`, or name one with --url")
    elif isinstance(error, ConnectionFault):
        view.error(error.detail)
    else:
        view.error("the gateway ended the connection before there was a session")
