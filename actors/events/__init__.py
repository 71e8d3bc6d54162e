"""Live events: a durable feed for each installation, and the channels that tell people of alerts."""
