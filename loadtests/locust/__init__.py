"""Load by Locust: many kinds of users at once, with profiles and targets that pass or fail.

``python -m loadtests.locust --profile smoke`` starts a gateway, the stub agent and Locust, and holds what
came of it against the profile's targets. Locust replaces the standard library's sockets by gevent's wherever
it is imported, so only what runs within it imports it or gevent: ``users``, ``readers``, ``shapes``,
``counting``, ``peer``, ``acp_socket`` and ``acp_stream``.
"""
