"""Where analytics go."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AnalyticsSettings:
    """A Kafka cluster. ``servers`` is HOST:PORT, or several with commas between.

    ``mechanism`` is one of SASL, such as ``SCRAM-SHA-512``; empty: nobody has to sign in. ``ca_file`` holds
    the certificates to trust, where it is not the machine's own.
    """

    servers: str
    topic_prefix: str = "lumilink"
    is_encrypted: bool = False
    ca_file: str = ""
    mechanism: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
