"""The actors and everything they stand on: kernel, protocol, agents, link, journal, records."""
