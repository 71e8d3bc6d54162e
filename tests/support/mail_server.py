"""A mail server of the smallest kind (SMTP), with STARTTLS and AUTH PLAIN, that keeps what it is given."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Mailed:
    """One mail, and how it came."""

    recipients: list[str]
    text: str
    encrypted: bool
    user: str
    password: str


@dataclass
class MailServer:
    """``refusal`` answers every sender; "" takes all. Without ``tls`` it offers no STARTTLS."""

    port: int = 0
    tls: ssl.SSLContext | None = None
    refusal: str = ""
    mailed: list[Mailed] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it is quit."""
        talk = _Talk(self, reader, writer)
        try:
            await talk.run()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # a client that does not trust us goes away
        finally:
            writer.close()


class _Talk:
    def __init__(
        self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._mail = Mailed([], "", False, "", "")

    async def run(self) -> None:
        await self._say("220 test")
        while line := (await self._reader.readline()).decode().strip():
            word, _, rest = line.partition(" ")
            if word == "QUIT":
                await self._say("221 bye")
                return
            await self._answer(word.upper(), rest)

    async def _answer(self, word: str, rest: str) -> None:
        if word == "EHLO":
            offered = "250-STARTTLS\r\n" if self._server.tls and not self._mail.encrypted else ""
            await self._say(f"250-test\r\n{offered}250 AUTH PLAIN")
        elif word == "STARTTLS":
            assert self._server.tls is not None
            await self._say("220 go on")
            await self._writer.start_tls(self._server.tls)
            self._mail.encrypted = True
        elif word == "AUTH":
            _, self._mail.user, self._mail.password = base64.b64decode(rest.split()[1]).decode().split("\0")
            await self._say("235 welcome")
        elif word == "MAIL":
            await self._say(self._server.refusal or "250 ok")
        elif word == "RCPT":
            self._mail.recipients.append(rest)
            await self._say("250 ok")
        elif word == "DATA":
            await self._say("354 go on")
            self._mail.text = (await self._reader.readuntil(b"\r\n.\r\n")).decode()
            self._server.mailed.append(self._mail)
            await self._say("250 taken")
        else:
            await self._say("250 ok")

    async def _say(self, text: str) -> None:
        self._writer.write(f"{text}\r\n".encode())
        await self._writer.drain()


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailServer]:
    """A server that listens."""
    server = MailServer(tls=tls)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
