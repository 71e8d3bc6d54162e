"""Where analytics go, as the settings say."""

from __future__ import annotations

from actors.analytics.settings import AnalyticsSettings
from topology.settings import Settings


def analytics_settings(settings: Settings) -> AnalyticsSettings | None:
    """None: there is no Kafka, and the records have it all."""
    if not settings.kafka:
        return None
    return AnalyticsSettings(
        servers=settings.kafka,
        topic_prefix=settings.kafka_topic_prefix,
        is_encrypted=settings.kafka_tls,
        ca_file=settings.kafka_ca_file,
        mechanism=settings.kafka_sasl,
        user=settings.kafka_user,
        password=settings.kafka_password.get_secret_value(),
    )
