"""``lumilink agent``: a host that cannot be dialled asks a gateway for sessions, and runs their agents."""
