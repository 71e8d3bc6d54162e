"""What the settings say of alerts, as the actors take it."""

from __future__ import annotations

from actors.capacity.watch import WatchSettings
from actors.events.keeper import EventsSettings
from actors.events.mail import MailSettings
from actors.events.webhook import WebhookSettings
from actors.storage import StorageSettings
from topology.settings import Settings


def watch_settings(settings: Settings) -> WatchSettings:
    """When the capacity actor alerts."""
    return WatchSettings(
        retries_per_minute=settings.retry_storm_per_min,
        sessions_per_installation=settings.sessions_per_installation,
        metrics_installations=settings.metrics_installations,
    )


def events_settings(settings: Settings, storage: StorageSettings) -> EventsSettings:
    """Where the events actor keeps the feeds, and the channels by which it tells of alerts."""
    return EventsSettings(storage, _webhook(settings), _mail(settings))


def _webhook(settings: Settings) -> WebhookSettings | None:
    url = settings.alert_webhook_url
    secret = settings.alert_webhook_secret.get_secret_value()
    return WebhookSettings(url, secret) if url else None


def _mail(settings: Settings) -> MailSettings | None:
    if not settings.alert_email_to:
        return None
    return MailSettings(
        host=settings.smtp_host,
        port=settings.smtp_port,
        to=settings.alert_email_to,
        sender=settings.alert_email_from,
        starttls=settings.smtp_starttls,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
    )
