"""What ``locust -f loadtests/locustfile.py`` loads; the profile is named by ``LUMILINK_LOAD_PROFILE``.

``python -m loadtests.locust`` starts a gateway and an agent for it, and holds the outcome against targets.
"""

from __future__ import annotations

from locust import events

from loadtests.locust.counting import write_outcome
from loadtests.locust.readers import Administrator, Reader
from loadtests.locust.shapes import ProfileShape
from loadtests.locust.users import SocketUser, StreamUser, Visitor

__all__ = ["Administrator", "ProfileShape", "Reader", "SocketUser", "StreamUser", "Visitor"]

events.quitting.add_listener(write_outcome)  # type: ignore[no-untyped-call] # Locust's
