"""The loads that can be run, as data."""

from __future__ import annotations

from typing import Final

from actors.errors import SettingsError
from loadtests.locust.outcome import Event
from loadtests.locust.plan import Arrival, Kind, Profile, Setup, Turns
from loadtests.locust.targets import Grows, Happens, NothingFails, Takes
from loadtests.targets import INGRESS, WORKER

_NEW: Final = "session/new"


def ws(name: str) -> Event:
    """An event over WebSocket."""
    return Event("ws", name)


def sse(name: str) -> Event:
    """An event over streamable HTTP."""
    return Event("sse", name)


def get(path: str) -> Event:
    """A GET of the HTTP API."""
    return Event("GET", path)


SMOKE: Final = Profile(
    name="smoke",
    about="Every kind of user, a few of each, for some seconds: does everything work?",
    seconds=8.0,
    arrivals=(
        Arrival(0.0, {Kind.SOCKET: 8, Kind.STREAM: 4, Kind.READER: 1, Kind.ADMINISTRATOR: 1}, per_s=14.0),
    ),
    turns=Turns(updates=8, interval_s=0.05, think_s=(0.05, 0.2), asks=0.3, leaves=0.4, away_s=0.2),
    asks_every_s=(0.1, 0.2),
    targets=(
        NothingFails(),
        Happens(ws(_NEW), 8, 8),
        Happens(sse(_NEW), 4, 4),
        Happens(ws("session/prompt"), 20),
        Happens(sse("session/prompt"), 10),
        Happens(ws("update"), 200),
        Happens(sse("update"), 100),
        Happens(ws("update after return"), 1),
        Happens(sse("update after return"), 1),
        Happens(ws("session/request_permission"), 3),
        Happens(sse("session/request_permission"), 3),
        Happens(get("/api/v1/sessions"), 3),
        Happens(get("/api/v1/topology"), 3),
        Takes(ws("first update"), 100.0),
        Takes(sse("first update"), 100.0),
    ),
)

THOUSAND: Final = Profile(
    name="thousand",
    about="1,000 sessions on one worker, each of which is sent an update a second for a minute.",
    seconds=85.0,
    arrivals=(Arrival(0.0, {Kind.SOCKET: 1000}, per_s=50.0),),
    turns=Turns(updates=10, interval_s=1.0, think_s=(0.0, 0.0), away_s=0.0),
    targets=(
        NothingFails(),
        Happens(ws(_NEW), 1000, 1000),
        Happens(ws("update"), 60_000),
        Takes(ws("update"), 50.0),
        Takes(ws("first update"), 100.0),
        Takes(ws(_NEW), 250.0),
    ),
    quiet=True,
)

HERD: Final = Profile(
    name="herd",
    about="300 come within some seconds to a gateway that has room for 100 of them, while 50 sessions run.",
    seconds=30.0,
    arrivals=(
        Arrival(0.0, {Kind.SOCKET: 50}, per_s=25.0),
        Arrival(10.0, {Kind.VISITOR: 300}, per_s=100.0),
    ),
    turns=Turns(updates=4, interval_s=0.5, think_s=(0.0, 0.1)),
    setup=Setup(sessions_per_worker=150, settings={"admission_wait_s": 3.0}),
    expected=frozenset({"capacity-exhausted"}),
    targets=(
        NothingFails(),
        Happens(ws(_NEW), 150, 150),
        Happens(ws(f"{_NEW}: capacity-exhausted"), 200, 200),
        Happens(ws("update"), 1500),
        Takes(ws(f"{_NEW}: first word"), 1000.0),
        Takes(ws(f"{_NEW}: capacity-exhausted"), 5000.0),
        Takes(ws("update"), 50.0),
    ),
    quiet=True,
)

MIXED: Final = Profile(
    name="mixed",
    about="All kinds of users, as on a working day: prompts, permissions, lost networks, reports.",
    seconds=90.0,
    arrivals=(
        Arrival(0.0, {Kind.SOCKET: 60, Kind.STREAM: 20}, per_s=10.0),
        Arrival(15.0, {Kind.READER: 5, Kind.ADMINISTRATOR: 2}, per_s=2.0),
    ),
    turns=Turns(updates=20, interval_s=0.1, think_s=(0.5, 3.0), asks=0.1, leaves=0.15, away_s=1.0),
    setup=Setup(workers=2, replicas=2),
    targets=(
        NothingFails(),
        Happens(ws(_NEW), 60, 60),
        Happens(sse(_NEW), 20, 20),
        Happens(ws("update"), 15_000),
        Happens(sse("update"), 5_000),
        Happens(ws("update after return"), 50),
        Happens(sse("update after return"), 20),
        Happens(get("/api/v1/summary"), 10),
        Takes(ws("update"), 100.0),
        Takes(sse("update"), 100.0),
        Takes(get("/api/v1/sessions"), 500.0, quantile=95),
    ),
)

SOAK: Final = Profile(
    name="soak",
    about="A moderate load for an hour: what leaks, drifts or piles up?",
    seconds=3600.0,
    arrivals=(
        Arrival(0.0, {Kind.SOCKET: 80, Kind.STREAM: 20}, per_s=5.0),
        Arrival(30.0, {Kind.READER: 2, Kind.ADMINISTRATOR: 1}, per_s=1.0),
    ),
    turns=Turns(updates=20, interval_s=0.25, think_s=(1.0, 5.0), asks=0.05, leaves=0.05, away_s=3.0),
    setup=Setup(workers=2, replicas=2),
    targets=(
        NothingFails(),
        Happens(ws(_NEW), 80, 80),
        Happens(sse(_NEW), 20, 20),
        Happens(ws("update"), 500_000),
        Happens(sse("update"), 120_000),
        Grows(WORKER, 100.0),
        Grows(INGRESS, 50.0),
        Takes(ws("update"), 100.0),
        Takes(sse("update"), 100.0),
        Takes(get("/api/v1/sessions"), 500.0, quantile=95),
    ),
)

PROFILES: Final = {profile.name: profile for profile in (SMOKE, THOUSAND, HERD, MIXED, SOAK)}
"""All profiles by name."""


def find_profile(name: str) -> Profile:
    """The profile of that name; raises SettingsError where there is none."""
    try:
        return PROFILES[name]
    except KeyError:
        raise SettingsError(f"no profile is named {name!r}: there are {', '.join(PROFILES)}") from None
