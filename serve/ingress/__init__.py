"""The way in: ACP over WebSocket and streamable HTTP, routed to the workers that hold the sessions."""
