"""The records over HTTP: lists, single records, a session's timeline, search, summary and audit export."""
