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
from topology.connect.endpoint import acp_target

DEFAULT_URL = "http://127.0.0.1:8000"


async def run_chat(url: str, session_id: str | None) -> int:
    """Talk to an agent until the user leaves; returns the exit code.

    Lines come from the terminal or, one prompt a line, from a pipe. 1 if the gateway cannot be reached, does
    not come back, or there can be no session. Raises SettingsError for a URL that is none.
    """
    target = acp_target(url)
    # The SDK logs what it cannot read with a traceback; the terminal is for the conversation.
    logging.getLogger().addHandler(logging.NullHandler())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    view = View(Console(highlight=False, emoji=False), is_typed=sys.stdin.isatty())
    errors = View(Console(stderr=True, highlight=False, emoji=False), is_typed=False)
    conversation = Conversation(target, Lines(Input(sys.stdin.fileno())), view)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, conversation.interrupt)
    try:
        await conversation.run(session_id)
        code = 0
    except AgentUnreachableError as error:
        errors.error(f"{error.detail}; start a gateway with `lumilink up`, or name one with --url")
        code = 1
    except ConnectionFault as error:
        errors.error(error.detail)
        code = 1
    except RequestError as error:
        errors.error(*told(error))
        code = 1
    except ConnectionError:
        errors.error("the gateway ended the connection before there was a session")
        code = 1
    if conversation.has_session:
        # A URL with a credential in it is the user's to remember.
        shown = url != DEFAULT_URL and not {"@", "?"} & set(url)
        place = f" --url {url}" if shown else ""
        view.line(f"To come back: lumilink chat --session {conversation.session_id}{place}", "dim")
    return code
