"""The profiles of the load make sense, and what starts them stays free of gevent."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from actors.errors import SettingsError
from loadtests.locust.plan import Arrival, Kind, Profile
from loadtests.locust.profiles import PROFILES, SMOKE, find_profile, ws
from loadtests.locust.targets import Happens, NothingFails, Takes

ROOT = Path(__file__).parents[3]


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="no profile is named 'nightly'"):
        find_profile("nightly")


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_profile_forbids_failures_and_counts_its_sessions(profile: Profile) -> None:
    assert NothingFails() in profile.targets
    asked = profile.count(Kind.SOCKET) + min(
        profile.count(Kind.VISITOR),
        profile.setup.sessions_per_worker * profile.setup.workers - profile.count(Kind.SOCKET),
    )
    assert Happens(ws("session/new"), asked, asked) in profile.targets


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_every_profile_is_steady_for_most_of_its_time(profile: Profile) -> None:
    assert profile.steady_from_s < profile.seconds / 2 + 1


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_times_are_part_of_every_profile(profile: Profile) -> None:
    assert any(isinstance(target, Takes) for target in profile.targets)


@pytest.mark.parametrize(
    "arrivals",
    [
        (),
        (Arrival(8.0, {Kind.SOCKET: 1}, 1.0),),
        (Arrival(1.0, {Kind.SOCKET: 1}, 1.0), Arrival(0.0, {Kind.STREAM: 1}, 1.0)),
        (Arrival(0.0, {Kind.SOCKET: 1}, 1.0), Arrival(1.0, {Kind.SOCKET: 1}, 1.0)),
    ],
    ids=["nobody", "too late", "out of order", "one kind twice"],
)
def test_arrivals_that_cannot_be_followed_are_refused(arrivals: tuple[Arrival, ...]) -> None:
    with pytest.raises(SettingsError, match="smoke"):
        replace(SMOKE, arrivals=arrivals)


def test_what_starts_a_load_imports_neither_locust_nor_gevent() -> None:
    program = "import sys, loadtests.locust.__main__; print({'locust', 'gevent'} & set(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert found.stdout == "set()\n"
