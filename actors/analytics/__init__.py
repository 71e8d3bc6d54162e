"""What other systems are told of what happened: metrics and events, by Apache Kafka.

See ``docs/analytics.md``.
"""
