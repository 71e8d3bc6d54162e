"""A session's live status: how it is connected, how far its turn is, how long that may take, what it used."""
