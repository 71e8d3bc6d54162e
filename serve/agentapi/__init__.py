"""AgentAPI for HTTP clients of before: each session as a server of its own, under ``/sessions/{id}``.

Source of the interface: coder/agentapi 0.12, ``/openapi.json``. A client of before is given
``http://GATEWAY/sessions/ID`` for its server's URL and works as it did. Behind it is a client of our own that
speaks ACP to the session like any other, shared by all HTTP requests that name the session.
"""

from serve.agentapi.service import service
from serve.agentapi.sessions import ROUTES

__all__ = ["ROUTES", "service"]
