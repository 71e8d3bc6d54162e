"""Alerts as e-mail, by a mail server that takes them (SMTP)."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final

from actors.events.delivery import NotDeliveredError
from actors.events.record import Delivery
from actors.events.wording import sentence

ATTEMPT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The server and who writes to whom. ``starttls``: encrypt first, or send nothing.

    Without a ``user`` nothing is said of who we are.
    """

    host: str
    to: tuple[str, ...]
    sender: str
    port: int = 587
    starttls: bool = True
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


class Mail:
    """The channel ``email``. ``tls`` says which servers are trusted; the machine's list unless given."""

    name = "email"

    def __init__(self, settings: MailSettings, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._tls = tls

    async def deliver(self, delivery: Delivery) -> None:
        """See ``Channel.deliver``. The thread ends by itself: each of its steps has 10 s."""
        try:
            await asyncio.to_thread(self._send, self._message(delivery))
        except smtplib.SMTPResponseException as error:
            # What the server said may repeat what we told it.
            lasting = error.smtp_code >= 500
            raise NotDeliveredError(f"the mail server answered {error.smtp_code}", lasting=lasting) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotDeliveredError(f"the mail was not taken: {type(error).__name__}") from None

    def _send(self, message: EmailMessage) -> None:
        settings = self._settings
        with smtplib.SMTP(settings.host, settings.port, timeout=ATTEMPT_S) as server:
            if settings.starttls:
                server.starttls(context=self._tls or ssl.create_default_context())
            if settings.user:
                server.login(settings.user, settings.password)
            server.send_message(message)

    def _message(self, delivery: Delivery) -> EmailMessage:
        alert, settings = delivery.alert, self._settings
        message = EmailMessage()
        message["Subject"] = f"LumiLink: {sentence(delivery.state, alert)}"
        message["From"] = settings.sender
        message["To"] = ", ".join(settings.to)
        message["Date"] = formatdate()
        message["X-LumiLink-Alert"] = delivery.key
        lines = (
            sentence(delivery.state, alert),
            "",
            f"Alert: {alert.alert_id} ({delivery.state})",
            f"Installation: {alert.installation_id}",
            f"Since: {alert.timestamp}",
            *([f"Resolved: {alert.resolved_at}"] if alert.resolved_at else []),
        )
        message.set_content("\n".join(lines) + "\n")
        return message
